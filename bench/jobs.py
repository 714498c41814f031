"""What a measuring process can do: a job takes its arguments, makes all ready, and gives the function to time."""

from __future__ import annotations

from bench.jobs_product import PRODUCT_JOBS
from bench.jobs_rivals import RIVAL_JOBS

JOBS = {**PRODUCT_JOBS, **RIVAL_JOBS}
