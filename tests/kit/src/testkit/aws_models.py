"""boto3 reads its description of a service once a process, and not again for each session of a test."""

from functools import cache

import botocore.session
from botocore.loaders import create_loader

botocore.session.create_loader = cache(create_loader)
