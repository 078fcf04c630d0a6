# GCGen on the CPU. `docker build -t gcgen .`, then `docker run --rm gcgen` trains on digits for
# three minutes. `docker run --rm gcgen gcgen info` runs a command; `-v "$PWD/runs:/gcgen/runs"`
# keeps its files. The studio is at http://127.0.0.1:7860, for this machine alone:
#     docker run --rm -p 127.0.0.1:7860:7860 gcgen gcgen studio --host 0.0.0.0 --public
# In a container 127.0.0.1 is the container itself, so the page listens on all of its addresses, and
# `-p` says who reaches them. The default build of PyTorch brings libraries for GPUs (3 GB); with
# `--build-arg PIP_EXTRA_INDEX_URL=<PyTorch's index of CPU builds>` pip prefers a small one.
FROM python:3.11-slim
ARG PIP_EXTRA_INDEX_URL=

RUN useradd --create-home --uid 1000 gcgen \
 && mkdir -p /gcgen/runs /opt/gcgen \
 && chown -R gcgen /gcgen /opt/gcgen
USER gcgen
WORKDIR /gcgen
ENV PATH="/opt/gcgen/bin:$PATH" PIP_NO_CACHE_DIR=1 OMP_NUM_THREADS=1
RUN python -m venv /opt/gcgen

# The dependencies first: their layer is used again as long as these files do not change.
COPY --chown=gcgen setup.cfg constraints.txt pyproject.toml README.md LICENSE ./
RUN mkdir gcgen_env agents && touch gcgen_env/__init__.py agents/__init__.py \
 && python -m pip install -c constraints.txt ".[studio]" \
 && python -m pip uninstall -y gcgen

COPY --chown=gcgen . ./
RUN python -m pip install --no-deps -e .

EXPOSE 7860
CMD ["python", "-m", "examples.demo"]
