"""The bits of coordinates, the groups of steps, and k-means for each."""

import itertools

import pytest
import torch

from gcgen_env.model.quantisation import LARGEST_GROUP, find_groups, fit_codebooks


def draw(num=600, scales=(4.0, 2.0, 1.0, 0.5, 0.25, 0.1), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, len(scales), generator=generator) * torch.tensor(scales)


def rebuild(books, values):
    """Return the nearest codes of values, added up."""
    rest = values.clone()
    for (first, size), words in zip(books.groups, books.codewords, strict=True):
        part = rest[:, first : first + size]
        part -= words.T[torch.cdist(part, words.T).argmin(1)]
    return values - rest


def find_error(variance, bits):
    """Return the error that reverse water-filling leaves, by bisection of the level."""
    low, high = 0.0, float(variance.max())
    for _ in range(200):
        level = (low + high) / 2
        spent = 0.5 * (variance / level).clamp_min(1).log2().sum()
        low, high = (level, high) if spent > bits else (low, level)
    return float(variance.clamp_max(level).sum())


class TestGroups:
    def test_are_those_of_the_least_error(self):
        """Against all ways to divide six coordinates among three steps."""
        variance = torch.tensor([9.0, 7.0, 2.0, 1.0, 0.5, 0.1]).double()

        def measure(groups):
            coded = sum(find_error(variance[f : f + s], 3.0) for f, s in groups)
            return coded + float(variance[sum(groups[-1]) :].sum())

        cuts = itertools.combinations(range(1, 7), 3)
        ways = [((0, i), (i, j - i), (j, k - j)) for i, j, k in cuts]
        expected = min(ways, key=measure)
        assert find_groups(variance, 8, 3) == expected

    def test_have_few_coarse_and_many_fine_coordinates(self):
        groups = find_groups(torch.logspace(2, -2, 300), 256, 40)
        ends = [first + size for first, size in groups]
        assert [first for first, _ in groups] == [0, *ends[:-1]]  # consecutive
        assert groups[0][1] < groups[-1][1] <= LARGEST_GROUP

    def test_take_coordinates_again_if_they_are_few(self):
        groups = find_groups(torch.tensor([40.0, 1.0]), 4, 6)
        assert groups == ((0, 1), (0, 1), (0, 1), (0, 1), (1, 1), (1, 1))

    @pytest.mark.parametrize("num", [1, 2, 5, 700])
    @pytest.mark.parametrize(("a", "h"), [(1, 1), (512, 5), (1, 3), (2, 1)])
    def test_exist_for_every_size(self, num, a, h):
        groups = find_groups(torch.linspace(1, 0.1, num), a, h)
        assert len(groups) == h
        assert all(0 <= f and 1 <= s <= LARGEST_GROUP and f + s <= num for f, s in groups)

    def test_of_equal_images_exist(self):
        assert find_groups(torch.zeros(4), 8, 3)


class TestCodebooks:
    def test_come_close_to_the_bound_of_rate_distortion(self):
        scales = tuple(torch.logspace(0.5, -1, 30).tolist())
        values, others = draw(4000, scales), draw(500, scales, seed=1)
        books = fit_codebooks(values, 256, 12, seed=0)
        found = (rebuild(books, others) - others).square().sum(1).mean()
        variance = others.square().mean(0)
        bound = find_error(variance, 8.0 * 12)
        assert bound < found < 4 * bound

    def test_more_steps_leave_less(self):
        values = draw()
        errors = [
            float((rebuild(fit_codebooks(values, 8, h, 0), values) - values).square().mean())
            for h in (1, 2, 4, 8)
        ]
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] < 0.05 * errors[0]

    @pytest.mark.parametrize("num", [1, 2, 10])
    def test_of_a_few_images_hold_each_of_them(self, num):
        values = draw(num)
        books = fit_codebooks(values, 16, 6, seed=0)
        torch.testing.assert_close(rebuild(books, values), values, atol=1e-5, rtol=0)
        assert all(
            words.shape == (size, 16)
            for (_, size), words in zip(books.groups, books.codewords, strict=True)
        )

    def test_count_the_images_of_each_codeword(self):
        books = fit_codebooks(draw(), 8, 4, seed=0)
        assert books.counts.shape == (4, 8)
        assert (books.counts.sum(1) == 600).all() and (books.counts > 0).all()

    def test_are_the_same_whatever_threads_there_are(self):
        values = draw()
        before = torch.get_num_threads()
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(fit_codebooks(values, 32, 3, seed=7))
        torch.set_num_threads(before)
        assert all(map(torch.equal, found[0].codewords, found[1].codewords))
        other = fit_codebooks(values, 32, 3, seed=8)
        assert not torch.equal(other.codewords[0], found[0].codewords[0])

    def test_keep_the_values(self):
        values = draw()
        fit_codebooks(values, 8, 4, seed=0)
        assert torch.equal(values, draw())
