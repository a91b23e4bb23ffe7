# What `toolkit.convert` exports; `lazy_loader` imports a name from here when it is first used.

from .conversion import DEFAULT_PROFILES as DEFAULT_PROFILES
from .conversion import OPSETS as OPSETS
from .conversion import VerifiedExport as VerifiedExport
from .conversion import convert_graph as convert_graph
from .manifest import Manifest as Manifest
from .manifest import read_manifest as read_manifest
from .profiles import PROFILES as PROFILES
from .profiles import Profile as Profile
