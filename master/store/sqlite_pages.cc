#include "master/store/sqlite_pages.h"

#include <xxhash.h>

#include <cstring>

namespace tarea {
namespace {

constexpr int kChecksumAt = kPageSize - 8;
constexpr int kDatabaseIdAt = kPageSize - kReservedBytes;

uint64_t LittleEndian64(const unsigned char* bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

void PutLittleEndian64(unsigned char* bytes, uint64_t value) {
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<unsigned char>(value >> (8 * i));
}

uint64_t Checksum(const unsigned char* page, int64_t number) {
  return XXH3_64bits_withSeed(page, kChecksumAt, static_cast<XXH64_hash_t>(number));
}

}  // namespace

void SealPage(unsigned char* page, int64_t number) {
  PutLittleEndian64(page + kChecksumAt, Checksum(page, number));
}

bool PageIsSound(const unsigned char* page, int64_t number) {
  return LittleEndian64(page + kChecksumAt) == Checksum(page, number);
}

uint64_t DatabaseIdOf(const unsigned char* page) { return LittleEndian64(page + kDatabaseIdAt); }

void SetDatabaseId(unsigned char* page, uint64_t id) {
  PutLittleEndian64(page + kDatabaseIdAt, id);
}

uint32_t BigEndian32(const unsigned char* bytes) {
  return static_cast<uint32_t>(bytes[0]) << 24 | static_cast<uint32_t>(bytes[1]) << 16 |
         static_cast<uint32_t>(bytes[2]) << 8 | bytes[3];
}

// https://www.sqlite.org/fileformat2.html, section 1.3.
PageHeader ParsePageHeader(const unsigned char* bytes) {
  PageHeader header;
  header.is_database = std::memcmp(bytes, "SQLite format 3", 16) == 0;
  header.page_size = bytes[16] << 8 | bytes[17];
  if (header.page_size == 1) header.page_size = 65536;
  header.reserved = bytes[20];
  // The size is only true if whoever changed the file last knew of it.
  const bool has_size = BigEndian32(bytes + 24) == BigEndian32(bytes + 92);
  header.pages = has_size ? BigEndian32(bytes + 28) : 0;
  header.schema_version = BigEndian32(bytes + 60);
  header.application_id = BigEndian32(bytes + 68);
  return header;
}

}  // namespace tarea
