import wit_world

import digits
import shapes
import words


def names(module):
    return " ".join(name for name in sorted(vars(module)) if not name.startswith("_"))


def error(call, *arguments):
    try:
        return call(*arguments)
    except (TypeError, ValueError) as caught:
        return f"{type(caught).__name__}: {caught}"


class WitWorld(wit_world.WitWorld):
    def run(self) -> str:
        lines = [
            f"digits: {names(digits)}",
            f"shapes: {names(shapes)}",
            f"words: {names(words)}",
            f"{words.count('three small words')} {words.initials('a b c')} {words.count.__doc__}",
            error(words.initials, ""),
            f"{shapes.twice_integer(21)} {shapes.twice_real(1.25)} {shapes.area(3)} {shapes.sides()}",
            f"{shapes.integer is int} {shapes.real is float}",
            error(shapes.area, "wide"),
            f"{digits.sum(12345)} {digits.count(12345)}",
            error(digits.sum, -1),
        ]
        return "\n".join(lines)
