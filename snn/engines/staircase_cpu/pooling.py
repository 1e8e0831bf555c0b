"""Max-pooling of all neurons of a node at once."""

from __future__ import annotations

from snn.jit import internal, prefer_wide_vectors


@internal
def max_pool2d(tables, j, sample, scratch):
    """Say what the levels of a fan's source, all of which have arrived, change of the largest one of each window.

    The largest of a row of windows is taken down the columns first, where all that is compared lies side by side.
    """
    prefer_wide_vectors()
    fans, shape = tables.fans, tables.fans.geometry[j]
    slot, first_best, weight = fans.slot[j], fans.first_best[j], tables.wires.weights[fans.first_weight[j]]
    first, size = tables.nodes.first[fans.source[j]], tables.nodes.size[fans.source[j]]
    levels = sample.levels[first : first + size]
    height, width, channels, out_height, out_width = shape[0], shape[1], shape[2], shape[3], shape[4]
    columns = scratch.space.largest[: width * channels]
    for out_y in range(out_height):
        above, below = max(0, out_y * shape[8] - shape[10]), min(height, out_y * shape[8] - shape[10] + shape[6])
        if above >= below:
            continue
        for i in range(width * channels):
            columns[i] = levels[above * width * channels + i]
        for y in range(above + 1, below):
            row = levels[y * width * channels : (y + 1) * width * channels]
            for i in range(width * channels):
                columns[i] = max(columns[i], row[i])
        for out_x in range(out_width):
            left, right = max(0, out_x * shape[9] - shape[11]), min(width, out_x * shape[9] - shape[11] + shape[7])
            if left >= right:
                continue
            target = (out_y * out_width + out_x) * channels
            bests = sample.bests[first_best + target : first_best + target + channels]
            sums = sample.sums[slot + target : slot + target + channels]
            here = columns[left * channels : right * channels]
            for c in range(channels):
                largest = here[c]
                for x in range(channels + c, len(here), channels):
                    largest = max(largest, here[x])
                sums[c] += weight * (largest - bests[c])
                bests[c] = largest
