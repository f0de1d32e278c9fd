"""What a user got wrong: said in a sentence, without the way through the code that led there."""


class Mistake(ValueError):
    """A mistake of the user's; the message says what, where and how to mend it."""
