"""A graph under construction, for passes that put several nodes in the place of one."""

from bridge.graph import Graph
from bridge.nodes import Node


class Growing:
    """The nodes of a new graph, as they are added; names of the old one are kept for what is named so."""

    def __init__(self, old: Graph):
        self.old, self.nodes = old, dict[str, Node]()

    def add(self, name: str, node: Node) -> str:
        """Add a node and return its name."""
        self.nodes[name] = node
        return name

    def free(self, name: str) -> str:
        """Return a name, with as many underscores as keep it apart from those of other nodes."""
        while name in self.nodes or name in self.old.nodes:
            name += "_"
        return name

    def graph(self) -> Graph:
        """Return the new graph, whose output has the old one's name."""
        return Graph(self.nodes, self.old.output)
