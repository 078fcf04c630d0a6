"""Asking glibc to keep memory."""

import platform

import pytest

from gcgen_env.allocator import _OWN_SETTINGS, keep_freed_memory


@pytest.fixture(autouse=True)
def forget():
    keep_freed_memory.cache_clear()
    yield
    keep_freed_memory.cache_clear()


def test_glibc_keeps_memory(monkeypatch):
    for name in _OWN_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")


@pytest.mark.parametrize("name", sorted(_OWN_SETTINGS))
def test_the_users_own_settings_stay(monkeypatch, name):
    monkeypatch.setenv(name, "131072")
    assert not keep_freed_memory()


def test_other_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not keep_freed_memory()
