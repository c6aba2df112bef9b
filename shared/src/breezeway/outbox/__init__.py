"""Events leave a service by its own database: written with what they tell, carried once that is true."""
