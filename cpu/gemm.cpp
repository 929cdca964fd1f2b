// Matrix products: B is packed in panels, A is read where it lies.
//
// Loops, from the outside: blocks of B that fit the caches (packed once, by all threads), then pieces of C cut into
// tiles. A tile is summed over one block of depth at a time.
#include "cpu/gemm.h"

#include <algorithm>

#include "core/parallel.h"
#include "cpu/scratch.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/gemm.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/microkernel-inl.h"
#include "cpu/pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kBlockDepth = 512;           // a tile's rows of A stay in L1
constexpr int64_t kBlockFloats = 1 << 20;      // of packed B: 4 MiB
constexpr int64_t kPieceColumns = 8 * kPanel;  // times kBlockDepth: half of L2
constexpr int64_t kPieceTiles = 4;

/// The block of B that is packed: rows k0.. and columns n0.., in panels of all its `depth`.
struct Block {
    int64_t k0, depth, n0, columns;
    const float* packed;
    int64_t panel_floats() const { return depth * kPanel; }
};

void pack_block(const Gemm& g, const Block& block, int64_t panel, float* packed) {
    const int64_t n = block.n0 + panel * kPanel, columns = std::min(kPanel, g.N - n);
    float* to = packed + panel * block.panel_floats();
    if (g.transpose_b == Transpose::no) {
        pack_panel(g.b + block.k0 * g.b_step + n, g.b_step, block.depth, columns, to);
    } else {
        pack_panel_transposed(g.b + n * g.b_step + block.k0, g.b_step, block.depth, columns, to);
    }
}

/// `rows` rows of C from row m, times one panel, over part of the block's depth.
void tile(const Gemm& g, const Block& block, int64_t m, int64_t rows, int64_t n, int64_t k, int64_t depth) {
    const float* b = block.packed + (n - block.n0) / kPanel * block.panel_floats() + (k - block.k0) * kPanel;
    float* c = g.c + m * g.c_step + n;
    const int64_t columns = std::min(kPanel, g.N - n);
    const Store store = k > 0 || g.accumulate == Gemm::Accumulate::yes ? Store::add : Store::replace;
    if (g.transpose_a == Transpose::no) {
        multiply(rows, StridedTile{g.a + m * g.a_step + k, g.a_step, b, depth, c, g.c_step, columns, store});
    } else {
        const float* a = g.a + k * g.a_step + m;
        multiply(rows, ColumnTile{&a, &b, &depth, 1, g.a_step, kPanel, c, g.c_step, columns, store});
    }
}

/// Rows [m0, m1) of C, columns [n0, n1) within the block.
void piece(const Gemm& g, const Block& block, int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
    for (int64_t k = 0; k < block.depth || k == 0; k += kBlockDepth) {
        const int64_t depth = std::min(kBlockDepth, block.depth - k);
        for (int64_t i = 0; i < tile_count(m1 - m0); ++i) {
            const int64_t m = m0 + tile_begin(m1 - m0, i), rows = m0 + tile_begin(m1 - m0, i + 1) - m;
            for (int64_t n = n0; n < n1; n += kPanel) tile(g, block, m, rows, n, block.k0 + k, depth);
        }
    }
}

template <typename ForEach>
void multiply_block(const Gemm& g, const Block& block, const ForEach& for_each) {
    const int64_t tiles = std::max<int64_t>(1, tile_count(g.M) / kPieceTiles);
    const int64_t row_pieces = std::min(g.M, tiles + tiles % 2);  // an even number: halves for two threads
    const int64_t column_pieces = (block.columns + kPieceColumns - 1) / kPieceColumns;
    for_each(row_pieces * column_pieces, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t row = i % row_pieces, column = i / row_pieces;
            const int64_t n = block.n0 + column * kPieceColumns;
            piece(g, block, g.M * row / row_pieces, g.M * (row + 1) / row_pieces, n,
                  std::min(n + kPieceColumns, block.n0 + block.columns));
        }
    });
}

template <typename ForEach>
void gemm_with(const Gemm& g, const ForEach& for_each) {
    if (g.M <= 0 || g.N <= 0) return;
    const int64_t max_depth = kBlockFloats / kPieceColumns;
    for (int64_t k = 0; k < g.K || k == 0; k += max_depth) {
        const int64_t depth = std::min(max_depth, g.K - k);
        const int64_t step = kBlockFloats / std::max<int64_t>(depth, 1) / kPieceColumns * kPieceColumns;
        for (int64_t n = 0; n < g.N; n += step) {
            const int64_t columns = std::min(step, g.N - n), panels = panel_count(columns);
            float* packed = scratch(ScratchUse::packed_b, panels * depth * kPanel);
            const Block block{k, depth, n, columns, packed};
            for_each(panels, [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) pack_block(g, block, i, packed);
            });
            multiply_block(g, block, for_each);
        }
    }
}

}  // namespace

void gemm_on_pool(const Gemm& g) {
    gemm_with(g, [](int64_t count, const auto& body) { parallel_for(count, 1, body); });
}

void gemm_in_line(const Gemm& g) {
    gemm_with(g, [](int64_t count, const auto& body) { body(0, count); });
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(gemm_on_pool);
HWY_EXPORT(gemm_in_line);

void gemm(const Gemm& g) {
    HWY_DYNAMIC_DISPATCH(gemm_on_pool)(g);
}

void gemm_on_this_thread(const Gemm& g) {
    HWY_DYNAMIC_DISPATCH(gemm_in_line)(g);
}

}  // namespace moco::cpu
#endif
