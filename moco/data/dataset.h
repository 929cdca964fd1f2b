// Data sets: what `--data` can name, and how one image of it is read.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "moco/data/decode_options.h"
#include "moco/data/folder_options.h"
#include "moco/data/image.h"

namespace moco {

/// What the network sees is (pixel / 255 - mean) / std, channel by channel. Images of other than 3 channels use entry
/// 0.
struct Normalization {
    std::array<float, 3> mean = {0, 0, 0};
    std::array<float, 3> std = {1, 1, 1};
};

/// mean .485 .456 .406, std .229 .224 .225.
inline constexpr Normalization kImageNetNormalization = {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};

/// What a data set is, known without reading its images.
struct DatasetInfo {
    std::string name;                      // "fashion-mnist", "folder", ...
    std::string part;                      // "train", "test", "unlabelled", or "" when there is only one
    int64_t count = 0;                     // images
    int64_t channels = 3;                  // of every image that load() returns: 1, 3, or as --channels says
    int64_t classes = 0;                   // 0: unlabelled
    int64_t H = 0, W = 0;                  // of every image, or 0 when they differ (folders)
    Normalization normalization;           // the data set's usual constants
    std::vector<std::string> class_names;  // `classes` of them, or none
    std::string folder = {};               // of a part of a folder: "val/", relative to what the user named
};

/// Says at which scale an image of H x W is decoded, in eighths: 8 is full size, 4 half size.
using ScaleChooser = std::function<int(int64_t H, int64_t W)>;

/// An image decoded at `eighths` / 8 of its size: pixel x of the full image is at x * eighths / 8 here
/// (less than one of these pixels beside it, where EXIF mirrors an image whose side is no whole number of them).
struct ScaledImage {
    Image image;
    int64_t full_H = 0, full_W = 0;
    int eighths = 8;
};

/// A list of images, perhaps labelled. Thread-safe: all members may be called from any thread.
class Dataset {
  public:
    virtual ~Dataset() = default;
    virtual const DatasetInfo& info() const = 0;
    /// Image i at full size, 0 <= i < info().count. Throws Error, naming the file, when it cannot be read.
    virtual Image load(int64_t i) const = 0;
    /// Image i at the scale that `choose` asks for, where the file's format can do that (JPEG), else at full size.
    virtual ScaledImage load_scaled(int64_t i, const ScaleChooser& choose) const;
    /// The class of image i, 0 <= label < info().classes, or -1 where it has none.
    virtual int64_t label(int64_t i) const = 0;
    /// The file of image i, relative to what the user named; for data sets in one file "file#i".
    virtual std::string path(int64_t i) const = 0;
    /// A digest of all paths in their order, of data sets in which every image is a file of its own; else "".
    virtual std::string names_digest() const { return ""; }
    /// What reading its images showed since the last call, as sentences; of all parts of the data set together.
    virtual std::vector<std::string> take_notes() const { return {}; }
    int64_t count() const { return info().count; }
};

using DatasetPtr = std::shared_ptr<const Dataset>;

/// The parts of a data set.
struct Splits {
    DatasetPtr pretrain;  // what to pretrain on: STL-10's unlabelled part, else the same as train
    DatasetPtr
        train;  // of evaluations and of supervised training; never null, but perhaps unlabelled (info().classes == 0)
    DatasetPtr test;                       // null when there is none
    std::vector<std::string> notes = {};   // sentences worth showing about what was found and what was left out
    std::string pretrain_is_missing = {};  // why pretrain is null, as a sentence; "" where it is not
};

/// What to pretrain on; Error where it is missing.
const DatasetPtr& pretraining_part(const Splits& splits);

/// Whether training and test part both have labels.
bool is_labelled(const Splits& splits);

/// Throws Error unless training and test part both have labels; `what` needs them: "the kNN accuracy".
void check_labelled(const Splits& splits, const std::string& data, const std::string& what);

/// Opens what `--data` names: fashion-mnist[:DIR], mnist:DIR, cifar10:DIR, cifar100:DIR, stl10:DIR, folder:DIR (or a
/// bare folder), shapes[:N]. Throws Error (one sentence: the file, what was expected, what to do) when it is missing,
/// truncated, corrupt or empty. Images of folders are only listed here, and decoded under `options` when they are
/// loaded; what is worth saying then, they keep for Dataset::take_notes (options.notes is replaced). `asked` is for
/// folders only; any other data set refuses it.
Splits open_dataset(const std::string& spec, const DecodeOptions& options = {}, const FolderOptions& asked = {});

/// One line for `--help`: the forms that open_dataset understands.
std::string dataset_forms();
/// A heading, and a line for each form that says what it is.
std::string dataset_help();

}  // namespace moco
