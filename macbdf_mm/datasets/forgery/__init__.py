"""Operators that forge a stretch of one track of any clip, rendered or filmed.

Every operator has the form of :class:`~.clip.Operator`; :mod:`.operators` lists them by name.
"""
