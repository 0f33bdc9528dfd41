"""Compiled loops belong to one version of the sources."""

import subprocess
import sys
from pathlib import Path

from gridcrew.compiled import cache_folder, forget_other_versions


def test_the_same_sources_give_the_same_folder(tmp_path: Path) -> None:
    assert cache_folder(tmp_path) == cache_folder(tmp_path)
    assert cache_folder(tmp_path).is_relative_to(tmp_path)


def test_other_versions_are_removed_and_this_one_stays(tmp_path: Path) -> None:
    own = cache_folder(tmp_path)
    for folder in (own, own.parent / "older"):
        folder.mkdir(parents=True)
        (folder / "loop.nbc").touch()
    forget_other_versions(own)
    assert [folder.name for folder in own.parent.iterdir()] == [own.name]
    assert (own / "loop.nbc").exists()


def test_loops_run_without_linear_algebra_which_others_still_find() -> None:
    program = (
        "import sys; from gridcrew.compiled import spare_linear_algebra as spare; spare(); spare();"
        "import numba; numba.njit(lambda each: each + 1)(1);"
        "assert 'scipy.linalg' not in sys.modules; import scipy.linalg.cython_blas"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
