from __future__ import annotations

from pathlib import Path

import pytest

from ambergen.processor import prepare

FACTS = "vendor_id\t: {vendor}\ncpu family\t: {family}\nflags\t\t: fpu {flags}\n\nvendor_id\t: other\n"


@pytest.mark.parametrize(
    ("vendor", "family", "flags", "switched"),
    [
        ("AuthenticAMD", 25, "avx2 avx512f", True),
        ("AuthenticAMD", 25, "avx2", False),
        ("AuthenticAMD", 26, "avx2 avx512f", False),
        ("GenuineIntel", 25, "avx512f", False),
    ],
)
def test_prepare__switches_avx512_off_on_zen_4_alone(
    tmp_path: Path, vendor: str, family: int, flags: str, switched: bool
) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(FACTS.format(vendor=vendor, family=family, flags=flags))
    environment: dict[str, str] = {}
    prepare(environment, path)
    assert ("NPY_DISABLE_CPU_FEATURES" in environment) == switched
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"


def test_prepare__leaves_what_the_user_set(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(FACTS.format(vendor="AuthenticAMD", family=25, flags="avx512f"))
    environment = {"NPY_DISABLE_CPU_FEATURES": "X", "OMP_WAIT_POLICY": "ACTIVE"}
    prepare(environment, path)
    assert environment == {"NPY_DISABLE_CPU_FEATURES": "X", "OMP_WAIT_POLICY": "ACTIVE"}


def test_prepare__needs_no_cpuinfo(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    prepare(environment, tmp_path / "absent")
    assert environment == {"OMP_WAIT_POLICY": "PASSIVE"}
