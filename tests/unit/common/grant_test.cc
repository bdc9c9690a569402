#include "common/grant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Grant, OfARoleIncludesWhatTheRoleNeeds) {
  const auto allows = [](Role role) {
    std::string needed;
    for (const Role other : {Role::kRead, Role::kSubmit, Role::kWork, Role::kAdmin}) {
      if (Grant{.role = role, .queues = {}}.Allows(other))
        absl::StrAppend(&needed, RoleName(other), " ");
    }
    return needed;
  };
  EXPECT_EQ(allows(Role::kRead), "read ");
  EXPECT_EQ(allows(Role::kSubmit), "read submit ");
  EXPECT_EQ(allows(Role::kWork), "work ");
  EXPECT_EQ(allows(Role::kAdmin), "read submit work admin ");
}

TEST(Grant, ForNoQueuesInParticularIsForAll) {
  EXPECT_TRUE(Grant().AllowsQueue("images"));
  const Grant some{.role = Role::kWork, .queues = {"images", "thumbs"}};
  EXPECT_TRUE(some.AllowsQueue("thumbs"));
  EXPECT_FALSE(some.AllowsQueue("thumb"));
}

TEST(GrantUris, AreReadAsTheyWereWritten) {
  for (const Grant& grant :
       {Grant{.role = Role::kAdmin, .queues = {}}, Grant{.role = Role::kWork, .queues = {"images"}},
        Grant{.role = Role::kSubmit, .queues = {"a:b/c", "d.e_f-g"}}}) {
    const absl::StatusOr<Grant> read = ParseGrantUris(GrantUris(grant));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, grant);
  }
  EXPECT_THAT(GrantUris({.role = Role::kSubmit, .queues = {"images", "thumbs"}}),
              ElementsAre("tarea:submit?queue=images", "tarea:submit?queue=thumbs"));
}

TEST(GrantUris, OneForAllQueuesCountsMoreThanThoseForSome) {
  EXPECT_EQ(*ParseGrantUris({"tarea:work?queue=a", "tarea:work", "tarea:work?queue=b"}),
            (Grant{.role = Role::kWork, .queues = {}}));
}

TEST(GrantUris, ThatAreNoneAreRefusedWithTheReason) {
  for (const auto& [uri, why] : std::map<std::string, std::string>{
           {"spiffe://x/y", "'spiffe://x/y': it does not begin with tarea:"},
           {"tarea:root", "'root' is none of read, submit, work, admin"},
           {"tarea:", "'' is none of"},
           {"tarea:work?", "after the role only ?queue=NAME can come"},
           {"tarea:work?queues=a", "after the role only ?queue=NAME can come"},
           {"tarea:work?queue=", "'' is no name of a queue"},
           {"tarea:work?queue=a,b", "'a,b' is no name of a queue"},
           {"tarea:work?queue=a b", "'a b' is no name of a queue"}}) {
    const absl::StatusOr<Grant> read = ParseGrantUris({uri});
    EXPECT_TRUE(absl::IsInvalidArgument(read.status())) << uri;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(why));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ParseGrantUris({}).status()));
  EXPECT_THAT(std::string(ParseGrantUris({"tarea:work", "tarea:read"}).status().message()),
              HasSubstr("two roles, work and read"));
}

}  // namespace
}  // namespace tarea
