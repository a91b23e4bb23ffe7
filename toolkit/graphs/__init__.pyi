# What `toolkit.graphs` exports; `lazy_loader` imports a name from here when it is first used.

from .adoption import Adoption as Adoption
from .adoption import adopt as adopt
from .contract import GraphContract as GraphContract
from .contract import LoadedGraph as LoadedGraph
from .contract import inspect_graph as inspect_graph
from .contract import load_graph as load_graph
from .frozen import GRAPH_LIMIT as GRAPH_LIMIT
from .frozen import FrozenGraph as FrozenGraph
from .frozen import read_graph as read_graph
from .labels import read_labels as read_labels
from .layout import GraphLayout as GraphLayout
from .layout import NamedTensor as NamedTensor
from .layout import NormalFormReport as NormalFormReport
from .layout import describe_graph as describe_graph
from .layout import describe_normal_form as describe_normal_form
from .loading import import_tensorflow as import_tensorflow
from .loading import parse_graph as parse_graph
from .normal_form import normal_form as normal_form
