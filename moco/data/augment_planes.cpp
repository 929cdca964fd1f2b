#include "moco/data/augment_planes.h"

#include <vector>

#include "core/tensor.h"

namespace moco {
namespace {

/// Channel c of an image.
std::vector<uint8_t> plane_of(const ImageView& image, int64_t c) {
    std::vector<uint8_t> plane(static_cast<size_t>(image.H * image.W));
    for (size_t i = 0; i < plane.size(); ++i) plane[i] = image.pixels[static_cast<int64_t>(i) * image.C + c];
    return plane;
}

}  // namespace

void augment_planes(Backend& backend, std::span<const ImageView> images, std::span<const AugmentParams> params,
                    int64_t size, float* y) {
    const int64_t C = images.empty() ? 1 : images.front().C;
    if (C == 1 || C == 3) return backend.augment(images, params, size, y);
    std::vector<std::vector<uint8_t>> planes;
    std::vector<ImageView> views;
    std::vector<AugmentParams> of_planes;
    for (size_t n = 0; n < images.size(); ++n) {
        for (int64_t c = 0; c < C; ++c) {
            planes.push_back(plane_of(images[n], c));
            views.push_back({planes.back().data(), images[n].H, images[n].W, 1});
            of_planes.push_back(params[n]);
        }
    }
    const int64_t N = std::ssize(images), pixels = size * size;
    Tensor apart = Tensor::empty({N * C, size, size, 1}, DType::f32, backend);
    backend.augment(views, of_planes, size, apart.mutable_data());
    backend.await(apart.raw(), apart.bytes());
    const std::vector<float> by_plane = apart.to_vector();
    std::vector<float> together(by_plane.size());
    for (int64_t n = 0; n < N; ++n) {
        for (int64_t c = 0; c < C; ++c) {
            const float* plane = by_plane.data() + (n * C + c) * pixels;
            for (int64_t i = 0; i < pixels; ++i) together[static_cast<size_t>((n * pixels + i) * C + c)] = plane[i];
        }
    }
    backend.upload(y, together.data(), together.size() * sizeof(float));
}

}  // namespace moco
