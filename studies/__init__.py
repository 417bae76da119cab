"""Studies: variants of the detector, trained with several seeds each and compared."""
