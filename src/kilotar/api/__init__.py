"""The public functions, by what they are about; people import them from `kilotar`, which has them all.

Rules guarded: what a function works with is imported when it is called, so that `import kilotar` costs next to nothing.
"""
