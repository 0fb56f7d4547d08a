"""What setup.cfg cannot say: the settings' files stay in recipes/, where people read them, and ship with the wheel."""

from pathlib import Path
from shutil import copytree

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfigs(build_py):
    """Lays `recipes/configs` into the built package as `autoif_train/configs`."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            copytree("recipes/configs", Path(self.build_lib) / "autoif_train" / "configs", dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithConfigs})
