"""The tests; one directory a kind: unit, property, contract, storage, e2e."""
