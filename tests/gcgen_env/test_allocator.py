"""Who decides whether glibc keeps freed memory."""

import platform
from types import SimpleNamespace

import pytest

import gcgen_env
from gcgen_env import allocator
from gcgen_env.allocator import _GLIBC_SETTINGS, SWITCH, keep_freed_memory


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    """Unset every variable that switches the setting off, and forget earlier calls."""
    for name in (SWITCH, *_GLIBC_SETTINGS):
        monkeypatch.delenv(name, raising=False)
    keep_freed_memory.cache_clear()
    yield
    keep_freed_memory.cache_clear()


@pytest.fixture
def calls(monkeypatch):
    """Record the settings passed to glibc instead of making them."""
    calls = []

    def mallopt(name, value):
        calls.append((name, value))
        return 1

    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=mallopt))
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    return calls


def test_glibc_keeps_memory():
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")


def test_it_is_set_once(calls):
    assert keep_freed_memory() and keep_freed_memory()
    assert calls == [(-1, 1 << 30), (-4, 0)]


def test_the_switch_turns_it_off(monkeypatch, calls):
    monkeypatch.setenv("GCGEN_KEEP_MEMORY", "0")
    assert not keep_freed_memory() and calls == []


def test_other_values_of_the_switch_leave_it_on(monkeypatch, calls):
    monkeypatch.setenv("GCGEN_KEEP_MEMORY", "1")
    assert keep_freed_memory() and calls


@pytest.mark.parametrize("name", sorted(_GLIBC_SETTINGS))
def test_the_users_own_settings_stay(monkeypatch, calls, name):
    monkeypatch.setenv(name, "131072")
    assert not keep_freed_memory() and calls == []


def test_other_libraries_are_left_alone(monkeypatch, calls):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not keep_freed_memory() and calls == []


def test_it_is_public_and_documents_its_switch():
    assert gcgen_env.keep_freed_memory is keep_freed_memory
    assert f"{SWITCH}=0" in keep_freed_memory.__doc__
