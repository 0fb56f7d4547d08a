"""The level `wasm`: the same functions in a Python compiled to WebAssembly, for machines without the other walls."""
