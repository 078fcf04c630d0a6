"""The map of the house: every module once, with one line of purpose, lowest layer first.

`python -m tests.house` writes the map into CONTRIBUTING.md. The architecture test compares
the purposes with the modules' docstrings, and the imports with the order of the layers.
"""
# ruff: noqa: E501

from pathlib import Path

from tests.house_agents import AGENTS
from tests.house_outside import OUTSIDE

ROOT = Path(__file__).parent.parent
LAYERS: dict[str, dict[str, str]] = {
    "Foundations": {
        "gcgen_env/atomic_files.py": "Files and folders that are written whole or not at all.",
        "gcgen_env/storage.py": "The container of saved models: a safetensors file whose header carries a JSON document.",
        "gcgen_env/limits.py": "How many bytes compressed files may decode to, checked before the memory is taken.",
        "gcgen_env/messages.py": "How error messages show wrong values.",
        "gcgen_env/config.py": "The keyword arguments of an environment.",
        "gcgen_env/keywords.py": "Dataclasses of keyword arguments: made with helpful errors, documented where they are used.",
        "gcgen_env/tasks.py": "The registered tasks: the keyword arguments of every environment id.",
        "gcgen_env/device.py": "Names of torch devices.",
        "gcgen_env/memory.py": "Whether something would fit in the memory of this machine, checked before it is allocated.",
        "gcgen_env/generators.py": "Random generators of environments: one for a batch or one for each episode; undoing draws.",
        "gcgen_env/allocator.py": "A setting of glibc's memory allocator that makes training faster.",
    },
    "Pictures": {
        "gcgen_env/viewer/ansi.py": "Draw one frame of an episode as plain Unicode text, for terminals and logs.",
        "gcgen_env/viewer/card.py": "Cards: what notebooks show of an object, as HTML with a picture in it.",
        "gcgen_env/viewer/drawing.py": "Colours, fonts and basic drawing functions.",
        "gcgen_env/viewer/files.py": "Write pictures as PNG and GIF files.",
        "gcgen_env/viewer/film.py": "Write pictures as an MP4 film.",
        "gcgen_env/viewer/frame.py": "Draw one frame of an episode.",
        "gcgen_env/viewer/grids.py": "Draw many states in one picture: samples, trajectories, pairs.",
        "gcgen_env/viewer/mosaic.py": "Images in rows and columns, and strips of labels beside and above them.",
        "gcgen_env/viewer/labelled.py": "Draw images with a label above each.",
        "gcgen_env/viewer/rows.py": "Draw rows of images with a label beside each row.",
        "gcgen_env/viewer/timeline.py": "Draw images on their way through the steps, above bars of figures of each step.",
        "gcgen_env/viewer/tree.py": "Draw a tree of images from left to right, with examples beside its leaves.",
        "gcgen_env/viewer/usage.py": "Draw how often each proposal is chosen: a row of cells for each step.",
        "gcgen_env/viewer/plane.py": "A square plot of points and arrows with smooth edges.",
        "gcgen_env/viewer/scatter.py": "Draw points: the body of a frame, and scatter plots of samples.",
        "gcgen_env/viewer/tiles.py": "Draw the body of a frame of images: state and goal on the left, proposals on the right.",
        "gcgen_env/viewer/types.py": "`Frame`, which holds one decision of an episode, and checks of images and points.",
        "gcgen_env/viewer/window.py": "A window that shows pictures, drawn with pygame.",
    },
    "Data": {
        "gcgen_env/datasets/array_files.py": "Reader of images in `.npy` and `.npz` files; it never loads pickled objects.",
        "gcgen_env/datasets/dataset.py": "`Dataset`, a read-only array of items with their range and labels, and the names of splits.",
        "gcgen_env/datasets/digits.py": "Digits: the 8 x 8 handwritten digits bundled with scikit-learn.",
        "gcgen_env/datasets/download.py": "Download one file from the first mirror that serves it intact.",
        "gcgen_env/datasets/folder_survey.py": "Looks through a folder and its sub-folders: which files are images, by their headers alone.",
        "gcgen_env/datasets/idx.py": "Reader of the IDX format of MNIST, plain or gzip (Y. LeCun, C. Cortes, C. Burges).",
        "gcgen_env/datasets/image_files.py": "Reader of one image file: checks what it decodes to, and makes its pixels grey or RGB bytes.",
        "gcgen_env/datasets/image_folder.py": "Reader of folders of PNG and JPEG files.",
        "gcgen_env/datasets/images.py": "Arrays of images: accepted dtypes and layouts, resizing.",
        "gcgen_env/datasets/load.py": "Load a data set by its name, from an array or from files.",
        "gcgen_env/datasets/locations.py": "Folders on this machine in which the IDX files of a data set are looked for.",
        "gcgen_env/datasets/mapped.py": "Reader of prepared folders: images that stay on disk and are read when they are needed.",
        "gcgen_env/datasets/mnist.py": "MNIST and Fashion-MNIST: find or download the files, check and split them.",
        "gcgen_env/datasets/nearest.py": "Finds the item of a data set that is nearest to each of some others, in bounded memory.",
        "gcgen_env/datasets/prepared.py": "Makes a data set of the images in a folder: of one size, without duplicates, with splits.",
        "gcgen_env/datasets/prepared_folder.py": "Writer of prepared folders, whose images stay on disk in training; see `mapped`.",
        "gcgen_env/datasets/size_advice.py": "Suggests the size of images, and the numbers of proposals and steps for that size.",
        "gcgen_env/datasets/sources.py": "The data sets stored as four IDX files: folders, mirrors, checksums, first labels.",
        "gcgen_env/datasets/squares.py": "Makes squares of pictures of any shape: cropped, padded or squeezed.",
        "gcgen_env/datasets/toggles.py": "Toggles: 8 x 8 images that six of sixteen rectangles make exactly, if each inverts its pixels.",
        "gcgen_env/datasets/toy2d.py": "Toy2D densities: points in the square [-1, 1] x [-1, 1], sampled with fixed seeds.",
    },
    "The generative model": {
        "gcgen_env/model/basis.py": "A basis of images, in which the proposals of large images are few numbers.",
        "gcgen_env/model/basis_proposer.py": "A proposer whose network reads and proposes coordinates in a basis; canvases stay images.",
        "gcgen_env/model/codebooks.py": "One codebook for each step: its codewords as proposals, and a prior that knows where they lie.",
        "gcgen_env/model/quantisation.py": "Finds codebooks: k-means of what each step shall add, coarse coordinates first.",
        "gcgen_env/model/coordinates.py": "Roll-outs in the coordinates of a basis, where a step costs P numbers instead of D.",
        "gcgen_env/model/fresh.py": "A fresh S-agent, whose first proposals lead to training images.",
        "gcgen_env/model/inner_products.py": "Inner products of the proposals of linear heads, without computing the proposals.",
        "gcgen_env/model/pretrained.py": "The S-agents that are shipped with the package.",
        "gcgen_env/model/build.py": "Builds the chain and the S-agent of a configuration; the caller loads the data once.",
        "gcgen_env/model/fixed_batches.py": "Batches of one fixed size, in which the rounding of an item does not depend on the others.",
        "gcgen_env/model/nucleus.py": "Nucleus pruning: keeps the most probable proposals of each state.",
        "gcgen_env/model/parts.py": "Splits a batch into equal parts, which bounds their size in memory.",
        "gcgen_env/model/classes.py": "Classes that a conditional S-agent is given: checked, and repeated for the states of an image.",
        "gcgen_env/model/chain.py": "The decision chain x_0 -> x_H of the generative model: no goal, no episode.",
        "gcgen_env/model/convolutional.py": "The convolutional body that S-agents of earlier versions have above 28x28.",
        "gcgen_env/model/uniform.py": "Proposers without learning, whose proposals are equally probable in every state.",
        "gcgen_env/model/toggles.py": "Proposals that invert the pixels of a rectangle: the canvas is a black and white image.",
        "gcgen_env/model/dictionary.py": "Proposals without learning: signed cosine atoms, coarse to fine, equally probable.",
        "gcgen_env/model/grouped_linear.py": "The product y_b = z_b W[a_b] + b[a_b] and its gradient, at the cost of the chosen rows alone.",
        "gcgen_env/model/initial_state.py": "The initial state x_0 of a configuration: a mean, zeros, noise, or an image of the user's.",
        "gcgen_env/model/stored_values.py": "Probabilities of stored images, which bits per dimension need: of bits, and of bytes.",
        "gcgen_env/model/sums.py": "Sums over the values of images, on their device.",
        "gcgen_env/model/likelihoods.py": "Likelihoods p(g | x) of a goal image g given a canvas x, and the potentials made of them.",
        "gcgen_env/model/open_sizes.py": "Finds A and H where a configuration leaves them open.",
        "gcgen_env/model/network_config.py": "The sizes of the S-agent's network.",
        "gcgen_env/model/perceptron.py": "The perceptron of the S-agent's network: its trunk, and the head that makes the proposals.",
        "gcgen_env/model/network.py": "The S-agent's network: p_S(a | x, h) and the proposals y[a], without any goal.",
        "gcgen_env/model/proposer.py": "What the chain needs from a proposer, and how a user-defined proposer is checked.",
        "gcgen_env/model/codes.py": "Codes of images, as users pass them: checked.",
        "gcgen_env/model/unrolling.py": "Roll-outs without a goal, which compute the chosen proposals alone: samples and decoded codes.",
        "gcgen_env/model/s_agent.py": "The S-agent: the generative model, and the file it is saved in.",
        "gcgen_env/model/saved_parts.py": "Rebuilds the parts of a saved S-agent, if what the file says agrees with its tensors.",
        "gcgen_env/model/saved_proposers.py": "How proposers without learning are saved: as their name and their settings.",
        "gcgen_env/model/turns.py": "Who computes independent batches: this process alone, or several processes in turn.",
        "gcgen_env/model/sampling.py": "Chooses an action from log q: a sample, or the most probable one.",
        "gcgen_env/model/walk.py": "A batch of states on its way along the chain, one decision after another.",
    },
    "Goals, rewards and spaces": {
        "gcgen_env/goals.py": "Goals: images drawn uniformly from a data set and binarised anew for each episode.",
        "gcgen_env/rewards.py": "Rewards: one class for each type, pure functions of batches of images in float64 NumPy.",
        "gcgen_env/spaces.py": "Observation and action spaces.",
    },
    "Episodes": {
        "gcgen_env/obs_device.py": "Where observations are: arrays on the host, or tensors on the environment's device.",
        "gcgen_env/subsets.py": "Some of N episodes, or all of them: by index, or as a slice that copies nothing.",
        "gcgen_env/reset_options.py": "The options of `reset`.",
        "gcgen_env/invalid_actions.py": "What an invalid action does, and which proposals an episode has used.",
        "gcgen_env/proposal_cache.py": "What the proposer proposes in the states of N episodes, computed once for each state.",
        "gcgen_env/on_demand_cache.py": "The cache of compact environments: the prior now, and later the chosen proposal alone.",
        "gcgen_env/tensor_caches.py": "Caches of proposals whose tables are tensors on the device: no value is read by the CPU.",
        "gcgen_env/episode_parts.py": "What N episodes are made of: data, chain, goals and reward.",
        "gcgen_env/episodes.py": "N episodes as arrays: reset, step and observe; no autoreset and no spaces.",
        "gcgen_env/tensor_episodes.py": "N episodes as tensors on the device of the proposer, stepped without waiting for it.",
    },
    "Environments": {
        "gcgen_env/rendering.py": "The state of one episode as a frame that the viewer can draw.",
        "gcgen_env/goal_env.py": "What the single and the vector environment share: goal methods, spaces and render modes.",
        "gcgen_env/env.py": "The single environment: Gymnasium's interface of one episode.",
        "gcgen_env/vector_env.py": "The vector environment: Gymnasium's interface of N episodes in one batch.",
        "gcgen_env/tensor_vector_env.py": "The vector environment whose results are tensors that stay on its device.",
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
    **AGENTS,
    "Outside the wheel": OUTSIDE,
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
