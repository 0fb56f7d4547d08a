"""What runs in the spawned interpreter. Standard library only: it is started with `-I -S`, as the package `inside`."""
