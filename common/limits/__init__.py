"""Every bound and timeout, its unit in its name and its reason beside it: one module a subject, all to be had here."""

from sandpiper.common.limits.broker import *
from sandpiper.common.limits.bus import *
from sandpiper.common.limits.client import *
from sandpiper.common.limits.commands import *
from sandpiper.common.limits.discovery import *
from sandpiper.common.limits.door import *
from sandpiper.common.limits.membership import *
from sandpiper.common.limits.peers import *
from sandpiper.common.limits.protocol import *
from sandpiper.common.limits.screen import *
from sandpiper.common.limits.tools import *
