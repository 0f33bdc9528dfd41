"""How well customers are served: ratings, risks, registers, public progress."""
