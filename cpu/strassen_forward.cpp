// Strassen's product forward, and backward for the data. Rows of A are pixels, depth is the input channels, columns of
// B are the result channels. In quarters (A11 is the upper left one, A12 right of it):
//
//     product   of A                of B               becomes
//     1         A11                 B11                U
//     2         A12                 B21                C11 = U + it
//     3         S1 = A21 + A22      T1 = B12 - B11     W = U + it
//     4         S2 = S1 - A11       T2 = B22 - T1      W + it, U + it
//     5         S4 = A12 - S2       B22                C12 = W + it
//     6         S3 = A11 - A21      T3 = B22 - B12     C22 = W + it, U + it
//     7         A22                 T4 = B21 - T2      C21 = U + it
//
// A unit of pixels is two low blocks of rows, one above the other. For one block of depth, the part of A that a product
// needs is made in L1 just before, then multiplied with that of B for each pair of panels, which were packed and summed
// once and stay in L2. Only U and W of each pair are kept between products.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/fetch.h"
#include "cpu/scratch.h"
#include "cpu/strassen.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/strassen_forward.cpp"  // this file
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/pack-inl.h"
#include "cpu/strassen_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kPad = 16;               // floats between rows of a part, so that they use all cache sets
constexpr int64_t kDepth = 512;            // at most, of a block
constexpr int64_t kPairsFloats = 1 << 18;  // of the weights of a block that stay in L2
constexpr int64_t kPieceUnits = 4;         // at least, for each reading of the weights
constexpr int64_t kMaxPieces = 64;
constexpr int64_t kMaxTiles = kMaxRows < 8 ? 4 : 1;  // that use a panel in turn, where they are low
constexpr int64_t kMaxHalf = kMaxTiles * kMaxRows;   // rows of half a unit, at most

/// The products, in the order of the table.
enum Product { kA11B11, kA12B21, kS1T1, kS2T2, kS4B22, kS3T3, kA22T4, kProducts };

/// A convolution from K to M channels, `rows` pixels of its smaller images: forward K = IC, M = OC; backward for the
/// data K = OC, M = IC.
struct Problem {
    Conv2dDims d;
    ConvPass pass;
    int64_t K, M;
    const float* input;
    const float* weight;  // OC,IC
    float* result;
    int64_t rows = d.N * d.OH() * d.OW();
    int64_t blocks = tile_count(K, kDepth);
    int64_t pairs = M / (2 * kPanel);
    int64_t largest_half = (K / (2 * kLanes) + blocks - 1) / blocks * kLanes;
    int64_t unit_tiles = kMaxRows < 8 && largest_half > 64 ? 2 : kMaxTiles;

    int64_t unit_rows() const { return 2 * unit_tiles * kMaxRows; }
    int64_t units() const { return tile_count(rows, unit_rows()); }
    /// The channels of block i of depth begin here; each half has so many.
    int64_t begin(int64_t i) const { return K / (2 * kLanes) * i / blocks * 2 * kLanes; }
    int64_t half(int64_t i) const { return (begin(i + 1) - begin(i)) / 2; }

    /// Of row i, where the pixel of x is.
    int64_t x_pixel(int64_t i) const {
        if (d.stride == 1) return i;
        const int64_t line = i / d.OW();
        return (line / d.OH() * d.H + line % d.OH() * d.stride) * d.W + i % d.OW() * d.stride;
    }
    const float* input_row(int64_t i) const { return input + (pass == ConvPass::forward ? x_pixel(i) : i) * K; }
    float* result_row(int64_t i) const { return result + (pass == ConvPass::forward ? i : x_pixel(i)) * M; }

    /// Where the kProducts parts of B are, of a block of depth and a pair of panels.
    int64_t packed_size() const { return kProducts * largest_half * kPanel; }
    float* packed(float* all, int64_t block, int64_t pair) const {
        return all + (block * pairs + pair) * packed_size();
    }
};

/// Asks for `floats` floats of the input rows [row, end), from channel k on.
void fetch_rows(const Problem& p, int64_t row, int64_t end, int64_t k, int64_t floats, Fetch& fetch) {
    const bool apart = p.pass == ConvPass::forward && p.d.stride > 1;
    while (row < end) {
        const int64_t count = apart ? std::min(end - row, p.d.OW() - row % p.d.OW()) : end - row;
        fetch.add(p.input_row(row) + k, count, (apart ? p.d.stride : 1) * p.K, floats);
        row += count;
    }
}

/// to (depth x kPanel) = the weights from channel k of the input and m of the result on.
void pack_quarter(const Problem& p, int64_t k, int64_t m, int64_t depth, float* to) {
    if (p.pass == ConvPass::forward) {
        pack_panel_transposed(p.weight + m * p.K + k, p.K, depth, kPanel, to);
    } else {
        pack_panel(p.weight + k * p.M + m, p.M, depth, kPanel, to);
    }
}

/// to (kProducts x half x kPanel) = the parts of B.
void pack_pair(const Problem& p, int64_t block, int64_t pair, float* to) {
    const FloatTag d;
    const int64_t depth = p.half(block), k = p.begin(block), m = pair * 2 * kPanel, count = depth * kPanel;
    const auto part = [=](Product product) { return to + product * count; };
    pack_quarter(p, k, m, depth, part(kA11B11));
    pack_quarter(p, k + depth, m, depth, part(kA12B21));
    pack_quarter(p, k + depth, m + kPanel, depth, part(kS4B22));
    pack_quarter(p, k, m + kPanel, depth, part(kS3T3));  // B12, for now
    for (int64_t i = 0; i < count; i += kLanes) {
        const FloatVector b11 = hn::LoadU(d, part(kA11B11) + i), b12 = hn::LoadU(d, part(kS3T3) + i);
        const FloatVector b21 = hn::LoadU(d, part(kA12B21) + i), b22 = hn::LoadU(d, part(kS4B22) + i);
        const FloatVector t1 = hn::Sub(b12, b11), t2 = hn::Sub(b22, t1);
        hn::StoreU(t1, d, part(kS1T1) + i);
        hn::StoreU(t2, d, part(kS2T2) + i);
        hn::StoreU(hn::Sub(b22, b12), d, part(kS3T3) + i);
        hn::StoreU(hn::Sub(b21, t2), d, part(kA22T4) + i);
    }
}

/// A unit's pixels for one block of depth: `half` rows above and as many below each other (if their number is odd, the
/// last below is of zeros and goes nowhere). Rows of A begin at the block's channels, those of C at its first.
struct Unit {
    int64_t half, depth, tiles;
    int64_t tile_rows[kMaxTiles + 1];  // where each tile of a half begins
    const float *above[kMaxHalf], *below[kMaxHalf];
    float *result_above[kMaxHalf], *result_below[kMaxHalf];

    Unit(const Problem& p, int64_t index, int64_t block) {
        const int64_t first = index * p.unit_rows(), rows = std::min(p.unit_rows(), p.rows - first);
        half = (rows + 1) / 2;
        depth = p.half(block);
        tiles = tile_count(half);
        for (int64_t i = 0; i <= tiles; ++i) tile_rows[i] = tile_begin(half, i);
        for (int64_t i = 0; i < half; ++i) {
            const bool paired = half + i < rows;
            above[i] = p.input_row(first + i) + p.begin(block);
            below[i] = paired ? p.input_row(first + half + i) + p.begin(block) : zeros(2 * depth);
            result_above[i] = p.result_row(first + i);
            result_below[i] = paired ? p.result_row(first + half + i) : scratch(ScratchUse::winograd_discarded, p.M);
        }
    }

    /// part (half x step) = combine(a11, a12, a21, a22, part), of vectors. Those that it does not use are not loaded.
    template <typename Combine>
    HWY_INLINE void make(float* part, int64_t step, const Combine& combine) const {
        const FloatTag d;
        for (int64_t i = 0; i < half; ++i, part += step) {
            const float *upper = above[i], *lower = below[i];
            for (int64_t c = 0; c < depth; c += kLanes)
                hn::StoreU(combine(hn::LoadU(d, upper + c), hn::LoadU(d, upper + depth + c), hn::LoadU(d, lower + c),
                                   hn::LoadU(d, lower + depth + c), hn::LoadU(d, part + c)),
                           d, part + c);
        }
    }

    /// part = that of A for a product. S2 is made from S1, S4 from S2: they are to be asked for in order.
    void make(Product product, float* part, int64_t step) const {
        using V = FloatVector;
        switch (product) {
            case kA11B11:
                return make(part, step, [](V a11, V, V, V, V) HWY_ATTR { return a11; });
            case kA12B21:
                return make(part, step, [](V, V a12, V, V, V) HWY_ATTR { return a12; });
            case kS1T1:
                return make(part, step, [](V, V, V a21, V a22, V) HWY_ATTR { return hn::Add(a21, a22); });
            case kS2T2:
                return make(part, step, [](V a11, V, V, V, V s1) HWY_ATTR { return hn::Sub(s1, a11); });
            case kS4B22:
                return make(part, step, [](V, V a12, V, V, V s2) HWY_ATTR { return hn::Sub(a12, s2); });
            case kS3T3:
                return make(part, step, [](V a11, V, V a21, V, V) HWY_ATTR { return hn::Sub(a11, a21); });
            default:
                return make(part, step, [](V, V, V, V a22, V) HWY_ATTR { return a22; });
        }
    }

    /// Where a quarter of A that is multiplied itself begins in row i.
    const float* quarter(Product product, int64_t i) const {
        return product == kA11B11 ? above[i] : product == kA12B21 ? above[i] + depth : below[i] + depth;
    }
};

/// The results of units [unit_begin, unit_end) for the pairs of panels [pair_begin, pair_end).
struct Piece {
    const Problem& p;
    float* packed;
    int64_t unit_begin, unit_end, pair_begin, pair_end;

    /// A tile, rows [row, row + height) of a unit's halves, and a pair of panels that begins at a column.
    struct Tile {
        int64_t row, height, column;
        Store store;  // in C
        float *u, *w;
        float *const *u_rows, *const *w_rows;
        int64_t offset;  // of u and w in these
    };

    /// Adds a product to what the table says. No structure is copied after it is filled: a vector loaded from several
    /// stores that are still on their way waits for all stores before them, results on their way to memory included.
    static void add(Product product, const Unit& unit, const float* const* a, const float* b, const Tile& t) {
        const auto sum = [&](const float* from, float* const* to, int64_t offset, Store store,
                             float* const* second = nullptr) HWY_ATTR {
            multiply(t.height,
                     ProductTile{a + t.row, b, unit.depth, {from, to, offset}, store, {t.u, second, t.offset}});
        };
        float *const *above = unit.result_above + t.row, *const *below = unit.result_below + t.row;
        switch (product) {
            case kA11B11:
                return sum(nullptr, t.u_rows, t.offset, Store::replace);
            case kA12B21:
                return sum(t.u, above, t.column, t.store);
            case kS1T1:
                return sum(t.u, t.w_rows, t.offset, Store::replace);
            case kS2T2:
                return sum(t.w, t.w_rows, t.offset, Store::replace, t.u_rows);
            case kS4B22:
                return sum(t.w, above, t.column + kPanel, t.store);
            case kS3T3:
                return sum(t.w, below, t.column + kPanel, t.store, t.u_rows);
            default:
                return sum(t.u, below, t.column, t.store);
        }
    }

    /// The pairs [first, last) of a unit and a block of depth. part, sums: memory for a part of A and for U and W.
    void multiply_unit(const Unit& unit, int64_t block, int64_t first, int64_t last, float* part, float* sums,
                       Fetch& fetch) const {
        const int64_t step = unit.depth + kPad, sum = kMaxHalf * kPanel;
        const int64_t lines = fetch.lines() / ((kProducts - 1) * (last - first)) + 1;
        const bool in_place = !in_one_set(p.K);
        const float *part_rows[kMaxHalf], *quarter_rows[kMaxHalf];
        float *u_rows[kMaxHalf], *w_rows[kMaxHalf];
        for (int64_t i = 0; i < unit.half; ++i) {
            part_rows[i] = part + i * step;
            u_rows[i] = sums + i * kPanel;
            w_rows[i] = u_rows[i] + sum;
        }
        for (int i = 0; i < kProducts; ++i) {
            const auto product = static_cast<Product>(i);
            const bool quarter = in_place && (product == kA11B11 || product == kA12B21 || product == kA22T4);
            if (quarter) {
                for (int64_t r = 0; r < unit.half; ++r) quarter_rows[r] = unit.quarter(product, r);
            } else {
                unit.make(product, part, step);
            }
            const float* const* a = quarter ? quarter_rows : part_rows;
            for (int64_t pair = first; pair < last; ++pair) {
                const float* b = p.packed(packed, block, pair) + product * unit.depth * kPanel;
                const int64_t offset = 2 * (pair - first) * sum;
                for (int64_t j = 0; j < unit.tiles; ++j) {
                    const int64_t r = unit.tile_rows[j], height = unit.tile_rows[j + 1] - r;
                    float* u = u_rows[r] + offset;
                    add(product, unit, a, b,
                        {r, height, pair * 2 * kPanel, block == 0 ? Store::replace : Store::add, u, u + sum, u_rows + r,
                         w_rows + r, offset});
                }
                fetch.advance(lines);
            }
        }
    }

    void run() const {
        const int64_t together = std::max<int64_t>(1, kPairsFloats / p.packed_size());
        float* part = scratch(ScratchUse::packed_tile, kMaxHalf * (p.largest_half + kPad));
        float* sums = scratch(ScratchUse::packed_rows, together * 2 * kMaxHalf * kPanel);
        for (int64_t pair = pair_begin; pair < pair_end; pair += together)
            for (int64_t block = 0; block < p.blocks; ++block)
                for (int64_t i = unit_begin; i < unit_end; ++i) {
                    const Unit unit(p, i, block);
                    Fetch next;
                    if (i + 1 < unit_end)
                        fetch_rows(p, (i + 1) * p.unit_rows(), std::min(p.rows, (i + 2) * p.unit_rows()),
                                   p.begin(block), 2 * unit.depth, next);
                    multiply_unit(unit, block, pair, std::min(pair_end, pair + together), part, sums, next);
                }
    }
};

void convolve(const Problem& p) {
    float* packed = scratch(ScratchUse::packed_b, p.blocks * p.pairs * p.packed_size());
    parallel_for(p.blocks * p.pairs, 1, [&](int64_t i, int64_t) {
        pack_pair(p, i / p.pairs, i % p.pairs, p.packed(packed, i / p.pairs, i % p.pairs));
    });
    const int64_t units = p.units(), across = std::clamp<int64_t>(units / kPieceUnits, 1, kMaxPieces);
    const int64_t down = std::clamp<int64_t>(kMaxPieces / 2 / across, 1, p.pairs);
    parallel_for(across * down, 1, [&](int64_t i, int64_t) {
        const int64_t unit = i % across, pair = i / across;
        Piece{p,
              packed,
              units * unit / across,
              units * (unit + 1) / across,
              p.pairs * pair / down,
              p.pairs * (pair + 1) / down}
            .run();
    });
}

}  // namespace

void strassen_product_forward(const Conv2dDims& d, const float* x, const float* weight, float* y) {
    convolve({d, ConvPass::forward, d.IC, d.OC, x, weight, y});
}

void strassen_product_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx) {
    if (d.stride > 1) {  // pixels that y does not see
        const int64_t line = d.W * d.IC;
        parallel_for(d.N * d.H, 8,
                     [&](int64_t begin, int64_t end) { std::fill(dx + begin * line, dx + end * line, 0.0f); });
    }
    convolve({d, ConvPass::backward_data, d.OC, d.IC, dy, weight, dx});
}

/// Found by measuring 64 to 2048 channels: with less depth, or few weights, a product of low tiles is too short beside
/// adding it up, with fewer pixels packing shows, and so does waiting for the last piece in less than a millisecond.
bool strassen_is_faster(const Conv2dDims& d, ConvPass pass) {
    constexpr int64_t kLeastDepth = kMaxRows < 8 ? 128 : 64, kLeastWeights = 64 * 192, kLeastRows = 512,
                      kLeastProducts = 1 << 25;
    const int64_t depth = pass == ConvPass::forward ? d.IC : d.OC, rows = d.N * d.OH() * d.OW();
    return depth >= kLeastDepth && d.IC * d.OC >= kLeastWeights && rows >= kLeastRows &&
           rows * d.IC * d.OC >= kLeastProducts;
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(strassen_product_forward);
HWY_EXPORT(strassen_product_backward_data);
HWY_EXPORT(strassen_is_faster);

bool strassen_applies(const Conv2dDims& d) {
    constexpr int64_t kChannels = 64;  // two panels of AVX-512
    return d.KH == 1 && d.KW == 1 && d.pad == 0 && d.IC % kChannels == 0 && d.OC % kChannels == 0;
}

bool strassen_wanted(ConvAlgorithm algorithm, const Conv2dDims& d, ConvPass pass) {
    if (algorithm == ConvAlgorithm::direct || pass == ConvPass::backward_weight || !strassen_applies(d)) return false;
    return algorithm == ConvAlgorithm::winograd || HWY_DYNAMIC_DISPATCH(strassen_is_faster)(d, pass);
}

void strassen_forward(const Conv2dDims& d, const float* x, const float* weight, float* y) {
    HWY_DYNAMIC_DISPATCH(strassen_product_forward)(d, x, weight, y);
}

void strassen_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx) {
    HWY_DYNAMIC_DISPATCH(strassen_product_backward_data)(d, dy, weight, dx);
}

}  // namespace moco::cpu
#endif
