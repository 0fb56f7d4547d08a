"""`python -m autoif_train.cli` is `autoif`."""

from autoif_train.cli import main

main()
