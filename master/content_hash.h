#ifndef TAREA_MASTER_CONTENT_HASH_H_
#define TAREA_MASTER_CONTENT_HASH_H_

#include <google/protobuf/message.h>

#include <string>

namespace tarea {

// 16 bytes that tell a message from any other one, maps in whatever order (XXH3). Not made to
// resist somebody who looks for two messages with the same hash: it tells a request that is sent
// again from a mistake of its sender.
std::string ContentHash(const google::protobuf::Message& message);

}  // namespace tarea

#endif  // TAREA_MASTER_CONTENT_HASH_H_
