#ifndef TAREA_MASTER_SECURITY_CALLER_H_
#define TAREA_MASTER_SECURITY_CALLER_H_

#include <grpcpp/server_context.h>

#include <string>

#include "common/grant.h"

namespace tarea {

// Who makes a call, and what they may do.
struct Caller {
  std::string name;     // of the certificate or the token; empty where nobody is asked
  std::string address;  // as gRPC writes it: "ipv4:10.0.0.7:40123"
  Grant grant;

  // The address without its port, which is another one with each connection; of IPv6 the network
  // of 64 bits, in which a host has as many addresses as it likes.
  std::string host() const;
};

// "ci at ipv4:10.0.0.7:40123", for the log; the address alone of one without a name.
std::string Describe(const Caller& caller);

// A call that its caller may make.
struct Call {
  grpc::ServerContext& context;
  const Caller caller;
};

}  // namespace tarea

#endif  // TAREA_MASTER_SECURITY_CALLER_H_
