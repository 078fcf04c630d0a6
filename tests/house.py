"""The map of the house: every module once, with one line of purpose, lowest layer first.

`python -m tests.house` writes the map into CONTRIBUTING.md. The architecture test compares
the purposes with the modules' docstrings, and the imports with the order of the layers.
"""
# ruff: noqa: E501

from pathlib import Path

ROOT = Path(__file__).parent.parent
LAYERS: dict[str, dict[str, str]] = {
    "Foundations": {
        "gcgen_env/atomic_files.py": "Files that are written whole or not at all: bytes and JSON.",
        "gcgen_env/storage.py": "The container of saved models: a safetensors file whose header carries a JSON document.",
        "gcgen_env/limits.py": "How many bytes compressed files may decode to, checked before the memory is taken.",
        "gcgen_env/messages.py": "How error messages show wrong values.",
        "gcgen_env/config.py": "The keyword arguments of an environment, and their defaults for every registered id.",
        "gcgen_env/device.py": "Names of torch devices.",
        "gcgen_env/memory.py": "Whether something would fit in the memory of this machine, checked before it is allocated.",
        "gcgen_env/generators.py": "Random generators of environments: one for a batch or one for each episode; undoing draws.",
        "gcgen_env/allocator.py": "A setting of glibc's memory allocator that makes training faster.",
    },
    "Data": {
        "gcgen_env/datasets/array_files.py": "Reader of images in `.npy` and `.npz` files; it never loads pickled objects.",
        "gcgen_env/datasets/dataset.py": "`Dataset`, a read-only array of items with their range and labels, and the names of splits.",
        "gcgen_env/datasets/digits.py": "Digits: the 8 x 8 handwritten digits bundled with scikit-learn.",
        "gcgen_env/datasets/download.py": "Download one file from the first mirror that serves it intact.",
        "gcgen_env/datasets/idx.py": "Reader of the IDX format of MNIST, plain or gzip (Y. LeCun, C. Cortes, C. Burges).",
        "gcgen_env/datasets/image_folder.py": "Reader of folders of PNG and JPEG files.",
        "gcgen_env/datasets/images.py": "Arrays of images: accepted dtypes and layouts, resizing.",
        "gcgen_env/datasets/load.py": "Load a data set by its name, from an array or from files.",
        "gcgen_env/datasets/locations.py": "Folders on this machine in which the IDX files of a data set are looked for.",
        "gcgen_env/datasets/mnist.py": "MNIST and Fashion-MNIST: find or download the files, check and split them.",
        "gcgen_env/datasets/sources.py": "The data sets stored as four IDX files: folders, mirrors, checksums, first labels.",
        "gcgen_env/datasets/toy2d.py": "Toy2D densities: points in the square [-1, 1] x [-1, 1], sampled with fixed seeds.",
    },
    "The generative model": {
        "gcgen_env/model/build.py": "Builds the chain and the S-agent of a configuration; the caller loads the data once.",
        "gcgen_env/model/chain.py": "The decision chain x_0 -> x_H of the generative model: no goal, no episode.",
        "gcgen_env/model/convolutional.py": "The convolutional body of the S-agent's network, for images above 28x28.",
        "gcgen_env/model/dictionary.py": "Proposals without learning: signed cosine atoms, coarse to fine, equally probable.",
        "gcgen_env/model/grouped_linear.py": "The product y_b = z_b W[a_b] + b[a_b] and its gradient, at the cost of the chosen rows alone.",
        "gcgen_env/model/initial_state.py": "The initial state x_0 of a configuration: a mean, zeros, noise, or an image of the user's.",
        "gcgen_env/model/sums.py": "Sums over the values of images, on their device.",
        "gcgen_env/model/likelihoods.py": "Likelihoods p(g | x) of a goal image g given a canvas x, and the potentials made of them.",
        "gcgen_env/model/network_config.py": "The sizes of the S-agent's network.",
        "gcgen_env/model/network.py": "The S-agent's network: p_S(a | x, h) and the proposals y[a], without any goal.",
        "gcgen_env/model/proposer.py": "What the chain needs from a proposer, and how a user-defined proposer is checked.",
        "gcgen_env/model/s_agent.py": "The S-agent: the generative model, and the file it is saved in.",
        "gcgen_env/model/saved_parts.py": "Rebuilds the parts of a saved S-agent, if what the file says agrees with its tensors.",
        "gcgen_env/model/sampling.py": "Chooses an action from log q: a sample, or the most probable one.",
    },
    "Goals, rewards and spaces": {
        "gcgen_env/goals.py": "Goals: images drawn uniformly from a data set and binarised anew for each episode.",
        "gcgen_env/rewards.py": "Rewards: one class for each type, pure functions of batches of images in float64 NumPy.",
        "gcgen_env/spaces.py": "Observation and action spaces.",
    },
    "Episodes": {
        "gcgen_env/reset_options.py": "The options of `reset`.",
        "gcgen_env/proposal_cache.py": "What the proposer proposes in the states of N episodes, computed once for each state.",
        "gcgen_env/on_demand_cache.py": "The cache of compact environments: the prior now, and later the chosen proposal alone.",
        "gcgen_env/episodes.py": "N episodes as arrays: reset, step and observe; no autoreset and no spaces.",
    },
    "Pictures": {
        "gcgen_env/viewer/ansi.py": "Draw one frame of an episode as plain Unicode text, for terminals and logs.",
        "gcgen_env/viewer/drawing.py": "Colours, fonts and basic drawing functions.",
        "gcgen_env/viewer/files.py": "Write pictures as PNG and GIF files.",
        "gcgen_env/viewer/frame.py": "Draw one frame of an episode.",
        "gcgen_env/viewer/grids.py": "Draw many states in one picture: samples, trajectories, reconstructions.",
        "gcgen_env/viewer/plane.py": "A square plot of points and arrows with smooth edges.",
        "gcgen_env/viewer/scatter.py": "Draw points: the body of a frame, and scatter plots of samples.",
        "gcgen_env/viewer/tiles.py": "Draw the body of a frame of images: state and goal on the left, proposals on the right.",
        "gcgen_env/viewer/types.py": "`Frame`, which holds one decision of an episode, and checks of images and points.",
        "gcgen_env/viewer/window.py": "A window that shows pictures, drawn with pygame.",
        "gcgen_env/rendering.py": "The state of one episode as a frame that the viewer can draw.",
    },
    "Environments": {
        "gcgen_env/goal_env.py": "What the single and the vector environment share: goal methods, spaces and render modes.",
        "gcgen_env/env.py": "The single environment: Gymnasium's interface of one episode.",
        "gcgen_env/vector_env.py": "The vector environment: Gymnasium's interface of N episodes in one batch.",
        "gcgen_env/registration.py": "Registration of the environments with Gymnasium.",
        "gcgen_env/wrappers.py": "Wrappers that convert observations for other libraries.",
    },
    "Conformance checks": {
        "gcgen_env/testing/autoreset.py": "Checks of a vector environment after the end of an episode, for each autoreset mode.",
        "gcgen_env/testing/checks.py": "The two entry points and the lists of their checks.",
        "gcgen_env/testing/common.py": "Checks for single and for vector environments.",
        "gcgen_env/testing/episodes.py": "Record episodes and compare them.",
        "gcgen_env/testing/observations.py": "Checks of the spaces, types, images and priors of a single environment.",
        "gcgen_env/testing/rewards.py": "Checks of the three methods of goal environments: reward, terminated, truncated.",
        "gcgen_env/testing/transitions.py": "Checks of the transitions, the end and the reset options of a single environment.",
        "gcgen_env/testing/vector.py": "Checks of the spaces, types, info masks, rewards and episodes of a vector environment.",
    },
    "What agents share": {
        "agents/common/algorithm_file.py": "The file of a value-based algorithm: its arguments as JSON, its states as tensors.",
        "agents/common/calling_algorithm.py": "What an actor-critic policy expects of the algorithm that builds it, checked as it is built.",
        "agents/common/decision.py": "What an agent knows when it selects a proposal: read from canvases or from observations.",
        "agents/common/env_source.py": "Finds the configuration and the data of an environment, whatever is wrapped around it.",
        "agents/common/evaluation.py": "Evaluation of an agent over whole episodes, with action masks.",
        "agents/common/goal_replay_buffer.py": "Hindsight replay for the GCGen environments: any reward, any observation mode.",
        "agents/common/lazy_names.py": "Names of a package that are imported at their first use: torch and SB3 take seconds.",
        "agents/common/masking.py": "How value-based agents respect action masks, for SB3's own classes.",
        "agents/common/memory.py": "Whether the buffer of an algorithm would fit in memory, checked before it is allocated.",
        "agents/common/patience.py": "Writing that may fail without ending a training: a full disk may have room again later.",
        "agents/common/proposal_policy.py": "Stable-Baselines3 policies that score proposals: one mixin for every actor-critic class.",
        "agents/common/provenance.py": "What a figure depends on besides the libraries: command, processor, device, threads.",
        "agents/common/saved_algorithm.py": "How value-based algorithms of SB3 save and load themselves and their buffers without pickle.",
        "agents/common/saved_buffer.py": "Replay buffers that are saved without pickle: their filled part, as tensors.",
        "agents/common/saved_names.py": "The name of a saved file: SB3 adds `.zip` to some names, this library to none.",
        "agents/common/saved_policy.py": "Policies that are saved without pickle: their arguments as JSON, their weights as tensors.",
        "agents/common/scorer.py": "The learned parts of a GC-agent, with weights shared by all proposals.",
        "agents/common/selection.py": "q(a | x, h, g): how the GC-agent selects among proposals.",
        "agents/common/selection_config.py": "The terms of q(a | x, h, g) as options; they are read without importing torch.",
        "agents/common/stored_arguments.py": "Arguments of constructors as JSON: plain values, spaces, and classes of a fixed list.",
        "agents/common/stored_spaces.py": "Gymnasium spaces and likelihoods as JSON, so that policies are saved without pickle.",
        "agents/common/value_policy.py": "Value-based policies that score the observed proposals, for SB3's own classes.",
        "agents/common/versions.py": "The versions of the libraries that figures depend on, found without importing them.",
        "agents/common/vec_env.py": "Stable-Baselines3's `VecEnv`: over the batched environment, and for goals alone.",
    },
    "Agents": {
        "agents/gcgen/bound.py": "The bound on the negative log-likelihood, of trajectories and of given images.",
        "agents/gcgen/callbacks.py": "Callbacks of long trainings: a progress bar, timed checkpoints, a stop on request.",
        "agents/gcgen/checkpoint.py": "A saved model: the constructor's arguments as JSON, every state as safetensors; no pickle.",
        "agents/gcgen/config.py": "The training options of `GCGen`: one dataclass for constructor, command line and checkpoint.",
        "agents/gcgen/gcgen.py": "`GCGen`: trains a GC-agent and an S-agent together, as a Stable-Baselines3 algorithm.",
        "agents/gcgen/generative_model.py": "What a trained pair of agents can do: generate, encode, decode, evaluate, select.",
        "agents/gcgen/losses.py": "What the S-agent minimises, as a pure function of a batch of trajectories.",
        "agents/gcgen/objectives/base.py": "What the objectives have in common: a GC-agent that keeps its features, and a loss.",
        "agents/gcgen/objectives/expert_iteration.py": "Expert iteration: the GC-agent learns to imitate a search.",
        "agents/gcgen/objectives/leave_one_out.py": "Leave-one-out policy gradient: the other paths of a goal are the baseline.",
        "agents/gcgen/objectives/path_consistency.py": "Soft path consistency: at the optimum, every path agrees with the value it starts from.",
        "agents/gcgen/objectives/policy_gradient.py": "KL-regularised policy gradient: the reference that needs sampled returns only.",
        "agents/gcgen/optimizer_state.py": "The state of an optimiser as named tensors: what a checkpoint keeps of it.",
        "agents/gcgen/policies.py": "The GC-agent as Stable-Baselines3 policies: it sees the goal and selects a proposal.",
        "agents/gcgen/precision.py": "The precision in which proposals are scored during training.",
        "agents/gcgen/predict_by_search.py": "`predict` with a search: rebuilds the canvases from an observation, then searches.",
        "agents/gcgen/random_state.py": "The state of the random generators of a `GCGen` model, which a checkpoint keeps.",
        "agents/gcgen/rollout.py": "Trajectories of the two agents, without an environment: the same for training and decoding.",
        "agents/gcgen/schedule.py": "How far a training is: the share of its timesteps or of its time, in [0, 1].",
        "agents/gcgen/search.py": "Search at encoding time: a better q than the GC-agent's own, at the cost of more proposals.",
        "agents/gcgen/search_names.py": "The names of the searches and how far they look; they are read without importing torch.",
        "agents/gcgen/step_locals.py": "The `self.locals` that SB3 callbacks read at each decision, computed only when read.",
        "agents/gcgen/training.py": "The training side of `GCGen`: roll-outs, and the updates of both agents.",
        "agents/gcgen/training_log.py": "What `GCGen` writes to SB3's logger, TensorBoard included.",
        "agents/gcgen/evaluation_env.py": "Warns if a callback evaluates a model with another proposer than the model's S-agent.",
        "agents/gcgen/saving.py": "How `GCGen` saves and loads itself: SB3's interface, over `Checkpoint`.",
        "agents/s_agent/policies.py": "The S-agent as a Stable-Baselines3 policy: it never sees the goal.",
        "agents/baselines/base.py": "The base class of the baselines: SB3's `predict` for agents that score proposals.",
        "agents/baselines/greedy.py": "One step of look-ahead: select the proposal whose image has the highest potential.",
        "agents/baselines/prior.py": "Sample from the S-agent's prior, as in generation; the goal is ignored.",
        "agents/baselines/random.py": "Sample uniformly from the valid proposals.",
        "agents/maskable_dqn/maskable_dqn.py": "`MaskableDQN`: SB3's DQN, with masks read from the observation.",
        "agents/maskable_dqn/policies.py": "Q-networks that mask invalid actions.",
        "agents/maskable_qrdqn/maskable_qrdqn.py": "`MaskableQRDQN`: sb3-contrib's QR-DQN, with masks read from the observation.",
        "agents/maskable_qrdqn/policies.py": "Quantile networks that mask invalid actions.",
    },
    "Benchmark and zoo": {
        "agents/benchmark/beam.py": "An agent that searches for the best code of each goal and then follows it.",
        "agents/benchmark/contestant.py": "What takes part in a benchmark: an algorithm to train, or an agent without learning.",
        "agents/benchmark/contestants.py": "The contestants: algorithms, each with a policy, and references without learning.",
        "agents/benchmark/execution.py": "Executes one run: trains, evaluates during the training, and writes all results at once.",
        "agents/benchmark/figures.py": "Draws the figures of a benchmark: learning curves, intervals, reconstructions.",
        "agents/benchmark/launchers.py": "Executes runs in processes on this machine, on a cluster with submitit, or with Ray.",
        "agents/benchmark/report.py": "Writes report.md: the results of a study in words and tables.",
        "agents/benchmark/results.py": "Reads the results of a study, arranges them in a table, and writes them for programs.",
        "agents/benchmark/run_files.py": "Reads the files of one run, and says which of them is damaged.",
        "agents/benchmark/scores.py": "Scores that are comparable across environments, and their confidence intervals.",
        "agents/benchmark/study.py": "A study: its runs, the folder of each, and which of them are complete.",
        "agents/zoo/ppo.py": "PPO with a policy that scores proposals, for RL Baselines3 Zoo.",
        "agents/zoo/ppo_mask.py": "MaskablePPO with a policy that scores proposals, for RL Baselines3 Zoo.",
    },
    "Command line": {
        "agents/cli/benchmark.py": "`gcgen benchmark`: compare reinforcement-learning algorithms on the environments.",
        "agents/cli/checks.py": "Checks of options; turns mistakes of the user into errors of one sentence.",
        "agents/cli/commands.py": "The commands and their summaries; what a command imports is imported when it is chosen.",
        "agents/cli/completion.py": "`gcgen completion`: print the completion script of a shell.",
        "agents/cli/config_file.py": "`gcgen train --config`: the settings of another run as defaults of the options.",
        "agents/cli/evaluate.py": "`gcgen evaluate`: bound the negative log-likelihood of a split.",
        "agents/cli/export.py": "`gcgen export`: write the S-agent of a run as a small file that records its origin.",
        "agents/cli/info.py": "`gcgen info`: list what is available.",
        "agents/cli/interrupts.py": "Ctrl-C, SIGTERM and SIGHUP: a request to stop while a model trains, an exception otherwise.",
        "agents/cli/main.py": "The console script `gcgen`: runs one command, and reports mistakes in one sentence.",
        "agents/cli/measurement.py": "The bounds that `gcgen evaluate` measures, as a table and as JSON values.",
        "agents/cli/messages.py": "How much a command says: `--quiet` and `--verbose`, which every command accepts.",
        "agents/cli/models.py": "Loads saved models, and the images that the commands apply them to.",
        "agents/cli/outputs.py": "Checks of the files that a command will write, before it starts to work.",
        "agents/cli/parsing.py": "Reads the options of a command, and how much it shall say; writes completion scripts.",
        "agents/cli/pictures.py": "Draws samples, trajectories and reconstructions of a model, and writes them to files.",
        "agents/cli/reconstruct.py": "`gcgen reconstruct`: draw images and their reconstructions.",
        "agents/cli/run_folder.py": "The folder of a training run: its files, its checkpoint, and the lock of its only writer.",
        "agents/cli/writer_lock.py": "A lock on a folder: one process writes it at a time, and others are told which one.",
        "agents/cli/sample.py": "`gcgen sample`: draw images from the S-agent.",
        "agents/cli/session.py": "One training run, from its first checkpoint to its pictures.",
        "agents/cli/start_run.py": "Starts a training run, or continues one, as the options of `gcgen train` say.",
        "agents/cli/settings.py": "The options of `gcgen train`, in the groups that its help shows; they need no torch.",
        "agents/cli/study_run.py": "Plans, executes and reports the runs of `gcgen benchmark`.",
        "agents/cli/train.py": "`gcgen train`: train both agents, or continue a run.",
    },
    "Outside the wheel": {
        "examples/demo.py": "Train a generative model of digits in three minutes, draw new digits and encode others.",
        "examples/environment.py": "Play one episode with random actions and write a picture of what the agent sees.",
        "examples/own_images.py": "Learn from your own images: a .npy or .npz file, or a folder of PNG and JPEG files.",
        "examples/ppo_single_file.py": "PPO in a single file, in the form of CleanRL.",
        "examples/stock_sb3.py": "Train stock PPO and MaskablePPO with the policies of this library.",
        "benchmarks/ablation/__main__.py": "Train every variant for the same time, and write one table and one plot.",
        "benchmarks/ablation/contenders.py": "The interface of the models that a trial compares, and its implementation for `GCGen`.",
        "benchmarks/ablation/report.py": "The results of all trials: a table, paired differences and a plot.",
        "benchmarks/ablation/trial.py": "One trial: train a variant with one seed, evaluate it, and write the results.",
        "benchmarks/ablation/vae.py": "Variational autoencoders, for comparison.",
        "benchmarks/ablation/variants.py": "The variants of the ablation: which parts of the method each of them has.",
        "benchmarks/speed/__main__.py": "Run every benchmark in a process of its own and print one table.",
        "benchmarks/speed/ddn_update.py": "One update of Discrete Distribution Networks (Yang, 2025), built on the author's own layer.",
        "benchmarks/speed/env.py": "Speed and memory of the environments, relative to their proposer and to `DummyVecEnv`.",
        "benchmarks/speed/figures.py": "Figures and their targets, printed as a table or as JSON.",
        "benchmarks/speed/growth.py": "How the time and memory of an S-agent update grow with A, H, image size and batch size.",
        "benchmarks/speed/memory.py": "Peak memory, measured in a fresh process.",
        "benchmarks/speed/plain_update.py": "The loss of the S-agent in plain autograd: short and slow, the oracle of the fast update.",
        "benchmarks/speed/ppo.py": "Stock PPO on the batched environment against stock PPO on `DummyVecEnv`.",
        "benchmarks/speed/sampling.py": "Speed of `GCGen.sample`, relative to computing the sampled proposals alone; import time.",
        "benchmarks/speed/task.py": "The task that is timed: MNIST's shapes and the shipped S-agent, without the data set.",
        "benchmarks/speed/timing.py": "Timing on a noisy machine: functions run alternately, and medians of ratios are reported.",
        "benchmarks/speed/training.py": "Time and memory of an S-agent update, relative to plain autograd, DDN's layer and SB3.",
    },
}
"""Modules by layer. A module imports from its own layer or from those before it."""
BEGIN, END = "<!-- map: begin -->", "<!-- map: end -->"


def draw_map() -> str:
    """Return the map as Markdown."""
    lines = []
    for layer, modules in LAYERS.items():
        lines += [f"**{layer}**", "", "| module | purpose |", "|---|---|"]
        lines += [f"| `{path}` | {purpose} |" for path, purpose in modules.items()]
        lines.append("")
    return "\n".join(lines)


def write_map() -> None:
    """Replace the map in CONTRIBUTING.md."""
    path = ROOT / "CONTRIBUTING.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n\n{draw_map()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    write_map()
