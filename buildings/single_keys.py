"""YAML in which a name stands once: of two values of one name it would take the last, and say nothing."""

from __future__ import annotations

from typing import Any

import yaml


class SingleKeys(yaml.SafeLoader):
    """PyYAML's safe loader; raises a YAMLError that says the name and both lines where one stands twice."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """The mapping as it is written, before `<<` adds what the file has elsewhere."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if (first := lines.get((key.tag, key.value))) is not None:
                raise yaml.YAMLError(f"`{key.value}` stands twice, in lines {first} and {line}: leave one out")
            lines[key.tag, key.value] = line
        return node
