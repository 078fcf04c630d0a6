"""Settings shared by all tests."""

import torch

torch.set_num_threads(1)  # small networks: more threads only get in each other's way
