"""What runs in the spawned interpreter, as the package `inside`: started without `site`, standard library only."""
