// Settings: which images, and what becomes of them.
#pragma once

#include <optional>
#include <string>

#include "moco/data/augmentation.h"
#include "moco/data/dataset.h"
#include "moco/data/decode_options.h"
#include "moco/train/settings/table.h"

namespace moco {

struct DataSettings {
    std::string spec;                        // --data: fashion-mnist[:DIR], cifar10:DIR, folder:DIR, shapes[:N], ...
    int64_t max_pixels = kDefaultMaxPixels;  // images of more are unreadable
    std::string depth_range;                 // "LO:HI": the values of 16-bit images that become 0 and 255; "": none
    std::string exif = "ignore";             // or "honour": images are turned as EXIF says

    int64_t channels = 0;  // of a folder's images: 1 (grey), or as many as its TIFF or .npy files have; 0: RGB

    std::string labels_from;  // a CSV file of images and classes, for folders; "": none
    std::string test_part;    // "val" or "test", where a folder has both; "": the first that is there

    bool operator==(const DataSettings&) const = default;
};

inline constexpr const char* kExifHelp =
    "the orientation that cameras note: ignored, as torchvision does, or honoured, so that images stand upright";
inline constexpr const char* kDepthRangeHelp =
    "16-bit images: the values that become 0 and 255, as 0:4095 for 12 bits; without it the high byte is kept";
inline constexpr const char* kChannelsHelp =
    "folders: channels of the images; 1 makes them grey, other numbers are those of TIFF or .npy files; 0: RGB";
inline constexpr const char* kLabelsFromHelp =
    "folders of images: a CSV file with an image's path or name and its class a line";
inline constexpr const char* kTestPartHelp =
    "folders with both: which one is the test part; without it val/, validation/, valid/ or else test/";

struct ViewSettings {
    int64_t image_size = 224;  // side of an augmented view, pixels
    std::string aug = "v1";    // recipe of the views
    bool aug_plus = false;     // v2's jitter and blur with the recipe's crop
    // Unset, here and below: the recipe's. The smallest and the largest crop as a share of the image's area.
    std::optional<double> crop_min, crop_max;
    std::optional<double> brightness, contrast, saturation, hue;  // strengths of the jitter
    std::optional<double> jitter_p, grayscale_p, blur_p, flip_p;  // probabilities

    bool operator==(const ViewSettings&) const = default;
};

void add_rows(SettingTable& table, DataSettings& data, ViewSettings& views);
/// Throws Error, one sentence naming the flags, for what cannot work.
void validate(const DataSettings& data);
void validate(const ViewSettings& views);
/// Throws Error, naming the flags, for steps of augmentation that images of so many channels do not have.
void check_channels(const DataSettings& data, const ViewSettings& views);
/// How the data set's files are decoded.
DecodeOptions decode_options_of(const DataSettings& data);
/// The flags that have another command decode them in the same way, each after a blank: " --depth-range 0:4095".
std::string decoding_flags(const DataSettings& data);
/// What is asked of a folder besides.
FolderOptions folder_options_of(const DataSettings& data);
/// The flags that have another command ask for the same, each after a blank: " --labels-from labels.csv".
std::string folder_flags(const DataSettings& data);
/// moco/data/dataset.h's, as the settings say.
Splits open_dataset(const DataSettings& data);
/// The recipe that the settings describe. Throws Error for an unknown name.
Recipe recipe_of(const ViewSettings& views);

}  // namespace moco
