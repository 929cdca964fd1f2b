#include "moco/train/settings/views.h"

#include "core/shell_word.h"
#include "moco/train/settings/checks.h"

namespace moco {
namespace {

std::string recipe_argument() {
    return fmt::format("{}", fmt::join(recipe_names(), "|"));
}

}  // namespace

void add_rows(SettingTable& table, DataSettings& data, ViewSettings& views) {
    const SettingKind newer = {Decides::method, OnResume::fixed, InCheckpoints::if_changed};
    static const std::string kRecipes = recipe_argument(), kExif = fmt::format("{}", fmt::join(exif_names(), "|"));
    table.group("Data and augmentation")
        .add("data", "D", data.spec, "the data set: fashion-mnist[:DIR], cifar10:DIR, folder:DIR, shapes[:N], ...",
             {Decides::run, OnResume::absent})
        .add("max-pixels", "N", data.max_pixels, "images of more pixels than this are unreadable", {Decides::run})
        .add("depth-range", "LO:HI", data.depth_range, kDepthRangeHelp, newer)
        .add("exif", kExif, data.exif, kExifHelp, newer)
        .add("channels", "N", data.channels, kChannelsHelp, newer)
        .add("labels-from", "FILE.csv", data.labels_from, kLabelsFromHelp,
             {Decides::run, OnResume::fixed, InCheckpoints::if_changed})
        .add("test-part", "val|test", data.test_part, kTestPartHelp,
             {Decides::run, OnResume::fixed, InCheckpoints::if_changed})
        .add("image-size", "PIXELS", views.image_size, "side of an augmented view, pixels")
        .add("aug", kRecipes, views.aug, "recipe of the augmented views")
        .add("aug-plus", "", views.aug_plus, "MoCo v2's jitter and blur with the recipe's crop")
        .add("crop-min", "SHARE", views.crop_min, "smallest crop, as a share of the image's area [the recipe's]")
        .add("crop-max", "SHARE", views.crop_max, "largest crop, as a share of the image's area [the recipe's]")
        .add("brightness", "S", views.brightness, "jitter: factor uniform in 1-S..1+S [the recipe's]")
        .add("contrast", "S", views.contrast, "jitter: factor uniform in 1-S..1+S [the recipe's]")
        .add("saturation", "S", views.saturation, "jitter: factor uniform in 1-S..1+S [the recipe's]")
        .add("hue", "S", views.hue, "jitter: turn of the colour wheel uniform in -S..S [the recipe's]")
        .add("jitter-p", "P", views.jitter_p, "probability of the jitter [the recipe's]")
        .add("grayscale-p", "P", views.grayscale_p, "probability of grey [the recipe's]")
        .add("blur-p", "P", views.blur_p, "probability of the blur [the recipe's]")
        .add("flip-p", "P", views.flip_p, "probability of the horizontal flip [the recipe's]");
}

void validate(const DataSettings& data) {
    check(!data.spec.empty(), "--data is missing; it names the images to train on: {}", dataset_forms());
    check(data.max_pixels >= 1 && data.max_pixels <= kMostMaxPixels, "--max-pixels {}: it must be in 1..{}",
          data.max_pixels, kMostMaxPixels);
    decode_options_of(data);
    check(data.channels >= 0 && data.channels <= kMostChannels, "--channels {}: it must be in 0..{}", data.channels,
          kMostChannels);
    check(data.test_part.empty() || data.test_part == "val" || data.test_part == "test",
          "--test-part {}: expected val or test", data.test_part);
}

void validate(const ViewSettings& v) {
    check_one_of("aug", v.aug, recipe_names());
    const auto within = [](std::string_view flag, const std::optional<double>& value, double least, double most) {
        if (value) check_real(flag, *value, *value >= least && *value <= most, fmt::format("in {}..{}", least, most));
    };
    within("crop-min", v.crop_min, 0, 1);
    within("crop-max", v.crop_max, 0, 1);
    within("brightness", v.brightness, 0, 10);
    within("contrast", v.contrast, 0, 10);
    within("saturation", v.saturation, 0, 10);
    within("hue", v.hue, 0, 0.5);
    within("jitter-p", v.jitter_p, 0, 1);
    within("grayscale-p", v.grayscale_p, 0, 1);
    within("blur-p", v.blur_p, 0, 1);
    within("flip-p", v.flip_p, 0, 1);
    check_recipe(recipe_of(v));  // what they amount to together
}

void check_channels(const DataSettings& data, const ViewSettings& views) {
    if (data.channels == 0 || data.channels == 1 || data.channels == 3) return;
    const Recipe recipe = recipe_of(views);
    const bool jitters = recipe.jitter_p > 0 &&
                         (recipe.brightness > 0 || recipe.contrast > 0 || recipe.saturation > 0 || recipe.hue > 0);
    check(
        !jitters,
        "--channels {}: --aug {} changes brightness, contrast, saturation or hue, which only grey and RGB images have; "
        "--jitter-p 0 leaves that out",
        data.channels, views.aug);
    check(
        recipe.grayscale_p == 0,
        "--channels {}: --aug {} makes some views grey, which only RGB images can be; --grayscale-p 0 leaves that out",
        data.channels, views.aug);
}

DecodeOptions decode_options_of(const DataSettings& data) {
    return {.max_pixels = data.max_pixels,
            .depth_range = parse_depth_range(data.depth_range),
            .exif = exif_named(data.exif),
            .channels = data.channels};
}

std::string decoding_flags(const DataSettings& data) {
    std::string flags;
    if (data.max_pixels != kDefaultMaxPixels) flags += fmt::format(" --max-pixels {}", data.max_pixels);
    if (!data.depth_range.empty()) flags += " --depth-range " + data.depth_range;
    if (data.exif != DataSettings().exif) flags += " --exif " + data.exif;
    if (data.channels != 0) flags += fmt::format(" --channels {}", data.channels);
    return flags;
}

FolderOptions folder_options_of(const DataSettings& data) {
    return {.labels_from = data.labels_from, .test_part = data.test_part};
}

std::string folder_flags(const DataSettings& data) {
    std::string flags;
    if (!data.labels_from.empty()) flags += " --labels-from " + for_shell(data.labels_from);
    if (!data.test_part.empty()) flags += " --test-part " + data.test_part;
    return flags;
}

Splits open_dataset(const DataSettings& data) {
    return open_dataset(data.spec, decode_options_of(data), folder_options_of(data));
}

Recipe recipe_of(const ViewSettings& v) {
    Recipe recipe = recipe_named(v.aug);
    if (v.aug_plus) recipe = with_aug_plus(recipe);
    const auto change = [](float& number, const std::optional<double>& value) {
        if (value) number = static_cast<float>(*value);
    };
    change(recipe.crop_scale_min, v.crop_min);
    change(recipe.crop_scale_max, v.crop_max);
    change(recipe.brightness, v.brightness);
    change(recipe.contrast, v.contrast);
    change(recipe.saturation, v.saturation);
    change(recipe.hue, v.hue);
    change(recipe.jitter_p, v.jitter_p);
    change(recipe.grayscale_p, v.grayscale_p);
    change(recipe.blur_p, v.blur_p);
    change(recipe.flip_p, v.flip_p);
    return recipe;
}

}  // namespace moco
