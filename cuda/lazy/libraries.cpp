// cuBLAS and cuDNN by dlopen. Each function of theirs that we call is defined here as one jump to where the library has
// it; load_libraries fills the addresses in. Linked the usual way, the two libraries would cost every start of the
// program, on a machine without a GPU too, 0.15 s (0.6 s when they are not in the page cache).
#include "cuda/libraries.h"

#include <cublas_v2.h>
#include <cudnn.h>
#include <dlfcn.h>

#include <string>

#include "core/error.h"

#define MOCO_TEXT_OF(x) #x
#define MOCO_TEXT(x) MOCO_TEXT_OF(x)

// Arguments and result stay where they are: this is no call but a jump.
#if defined(__x86_64__)
#define MOCO_JUMP(name) "jmp *moco_address_of_" #name "(%rip)\n"
#elif defined(__aarch64__)
#define MOCO_JUMP(name)                           \
    "adrp x16, moco_address_of_" #name            \
    "\n"                                          \
    "ldr x16, [x16, :lo12:moco_address_of_" #name \
    "]\n"                                         \
    "br x16\n"
#else
#error "the jumps to cuBLAS and cuDNN are written for x86-64 and 64-bit ARM"
#endif

#define MOCO_FORWARD(name)                                                                                 \
    extern "C" {                                                                                           \
    extern void* moco_address_of_##name;                                                                   \
    __attribute__((visibility("hidden"))) void* moco_address_of_##name = nullptr;                          \
    }                                                                                                      \
    asm(".text\n.globl " #name "\n.type " #name ", %function\n" #name ":\n" MOCO_JUMP(name) ".size " #name \
                                                                                            ", .-" #name "\n");

// What cuda/ calls; the linker names what is missing here.
#define MOCO_CUBLAS(each)                                                                              \
    each(cublasCreate_v2) each(cublasDestroy_v2) each(cublasGetStatusName) each(cublasGetStatusString) \
        each(cublasSetMathMode) each(cublasSetStream_v2) each(cublasSetWorkspace_v2) each(cublasSgemm_v2)

#define MOCO_CUDNN(each)                                                                                               \
    each(cudnnConvolutionBackwardData) each(cudnnConvolutionBackwardFilter) each(cudnnConvolutionForward)              \
        each(cudnnCreate) each(cudnnCreateConvolutionDescriptor) each(cudnnCreateFilterDescriptor)                     \
            each(cudnnCreateTensorDescriptor) each(cudnnDestroy) each(cudnnDestroyConvolutionDescriptor)               \
                each(cudnnDestroyFilterDescriptor) each(cudnnDestroyTensorDescriptor)                                  \
                    each(cudnnGetConvolutionBackwardDataAlgorithm_v7)                                                  \
                        each(cudnnGetConvolutionBackwardDataWorkspaceSize)                                             \
                            each(cudnnGetConvolutionBackwardFilterAlgorithm_v7)                                        \
                                each(cudnnGetConvolutionBackwardFilterWorkspaceSize)                                   \
                                    each(cudnnGetConvolutionForwardAlgorithm_v7)                                       \
                                        each(cudnnGetConvolutionForwardWorkspaceSize) each(cudnnGetErrorString)        \
                                            each(cudnnGetLastErrorString) each(cudnnGetVersion)                        \
                                                each(cudnnSetConvolution2dDescriptor)                                  \
                                                    each(cudnnSetConvolutionMathType) each(cudnnSetFilter4dDescriptor) \
                                                        each(cudnnSetStream) each(cudnnSetTensor4dDescriptor)

MOCO_CUBLAS(MOCO_FORWARD)
MOCO_CUDNN(MOCO_FORWARD)

namespace moco::cuda {
namespace {

constexpr const char* kCublas = "libcublas.so." MOCO_TEXT(CUBLAS_VER_MAJOR);
constexpr const char* kCudnn = "libcudnn.so." MOCO_TEXT(CUDNN_MAJOR);

/// Stays open until the program ends.
void* open_library(const char* name) {
    void* const library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) fail("the CUDA backend needs a library: {}; install it, or compute on the CPU", dlerror());
    return library;
}

void* find(void* library, const char* library_name, const char* function) {
    void* const address = dlsym(library, function);
    check(address != nullptr, "the CUDA backend: {} has no {}; install a newer one, or compute on the CPU",
          library_name, function);
    return address;
}

void fill_in() {
    void* const cublas = open_library(kCublas);
    void* const cudnn = open_library(kCudnn);
#define MOCO_FILL_CUBLAS(name) moco_address_of_##name = find(cublas, kCublas, #name);
#define MOCO_FILL_CUDNN(name) moco_address_of_##name = find(cudnn, kCudnn, #name);
    MOCO_CUBLAS(MOCO_FILL_CUBLAS)
    MOCO_CUDNN(MOCO_FILL_CUDNN)
}

}  // namespace

void load_libraries() {
    static const bool loaded = (fill_in(), true);
    static_cast<void>(loaded);
}

}  // namespace moco::cuda
