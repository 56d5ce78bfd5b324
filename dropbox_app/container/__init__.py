"""Container v1 in pure bytes: no input or output, no clock, no threads, no framework; randomness is a parameter.

`docs/spec/container-v1.md` is the normative text. Import the module that is meant; only whoever may see plaintext
imports `sealing`.
"""
