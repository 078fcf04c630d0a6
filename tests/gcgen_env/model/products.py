"""Compares the inner products of a head with those of its proposals."""

import torch


def check_products(head, z, r, w, inside):
    """Compare them after each change of the weights or codewords.

    These may change between two contexts, and between calls outside of any.

    Args:
        head: A head of A proposals of P values.
        z: Its input of B states.
        r: What the proposals are multiplied with, shape (B, P).
        w: Weights of their squares, shape (P,).
        inside: Compute twice inside of a context.
    """
    for _ in range(2):
        if inside:
            with head.cast_once(torch.float32):
                head.products(z, r, w)
                first, second = head.products(z, r, w)
        else:
            first, second = head.products(z, r, w)
        y = head(z)  # (B, A, P)
        torch.testing.assert_close(first, (r.unsqueeze(1) * y).sum(-1))
        torch.testing.assert_close(second, (w * y * y).sum(-1))
        for values in head.state_dict().values():
            values.mul_(2)
