"""Notifications: what has to be acted on goes to the people who look after the pipeline, once per cause.

    causes: what is wrong now, from the ledger, landing and the log of fetch attempts
    sending: each cause once to each address that the province declares

Nothing here decides a figure, and an address that does not answer stops nothing.
"""

from dx_pipeline.notification.cause import Cause, causes
from dx_pipeline.notification.sending import notify, problems

__all__ = ["Cause", "causes", "notify", "problems"]
