"""Names the distribution: what it needs, what the wheel holds, the one command it installs."""

from pathlib import Path

from setuptools import find_packages, setup

README = Path(__file__).with_name("README.md")

TEST = ["pytest>=9.2", "hypothesis>=6.170", "coverage>=7.17", "gsm0338>=1.1", "aiosmpplib>=0.7.4"]
PACKAGING = ["build>=1.6", "setuptools>=77", "wheel>=0.48"]  # test_packaging builds a wheel
FUZZ = ["atheris>=3"]  # scripts/fuzz alone
DEV = ["ruff>=0.17.6", "mypy>=2.4", "mypy-zope>=1.0.17"]

setup(
    name="smpp-server",
    version="0.1.0",
    description="An SMPP 3.4 ESME that answers each sender once, exactly, and on a budget",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Environment :: No Input/Output (Daemon)",
        "Framework :: Twisted",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3 :: Only",
        "Topic :: Communications :: Telephony",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    install_requires=[
        "twisted[tls]>=26.10",
        "smpplib>=2.2.4",
        "pydantic>=2.14",
        "phonenumbers>=9.0.43",
        "click>=8.5",
        "rich>=15",
        "tzdata",
    ],
    extras_require={"test": TEST + PACKAGING, "dev": TEST + PACKAGING + DEV, "fuzz": FUZZ},
    packages=[
        *find_packages(include=["routing", "routing.*", "smpp_server", "smpp_server.*"]),
        "smpp_server.conf",
    ],
    package_dir={"smpp_server.conf": "conf"},
    package_data={
        "routing": ["py.typed"],
        "smpp_server": ["py.typed", "store/migrations/*.sql"],
        "smpp_server.conf": ["**/*"],
    },
    include_package_data=False,
    entry_points={"console_scripts": ["smppd = smpp_server.cli:main"]},
)
