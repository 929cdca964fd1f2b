#include "ops/stack_rows.h"

#include <gmock/gmock.h>

#include "core/autograd.h"
#include "tests/support/op_case.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class StackRowsTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(StackRowsTest);

TEST_P(StackRowsTest, PutsRowsUnderOneAnother) {
    const Tensor a = formula_tensor({3, 5}, 1, backend()), b = formula_tensor({1, 5}, 2, backend());
    const Tensor all = stack_rows({a, b, a});
    ASSERT_EQ(all.shape(), (Shape{7, 5}));
    EXPECT_EQ(all.rows(0, 3).to_vector(), a.to_vector());
    EXPECT_EQ(all.rows(3, 4).to_vector(), b.to_vector());
    EXPECT_EQ(all.rows(4, 7).to_vector(), a.to_vector());
    EXPECT_EQ(stack_rows({a}).raw(), a.raw()) << "one part is not copied";
}

TEST_P(StackRowsTest, NamesWhatIsWrong) {
    Tensor a = formula_tensor({3, 5}, 1, backend());
    EXPECT_THAT(error_of([&] { stack_rows({}); }), HasSubstr("no parts"));
    EXPECT_THAT(error_of([&] { stack_rows({a, formula_tensor({3, 4}, 1, backend())}); }), HasSubstr("3x4"));
    EXPECT_THAT(error_of([&] { stack_rows({a, Tensor::zeros({3, 5}, DType::i64, backend())}); }), HasSubstr("i64"));
    a.set_requires_grad(true);
    EXPECT_THAT(error_of([&] { stack_rows({a, a}); }), HasSubstr("wants a gradient"));
}

}  // namespace
}  // namespace moco
