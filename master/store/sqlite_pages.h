#ifndef TAREA_MASTER_STORE_SQLITE_PAGES_H_
#define TAREA_MASTER_STORE_SQLITE_PAGES_H_

#include <cstdint>

// The format of a page of the database: SQLite's own, with the last bytes reserved for us.
//
//     0 .. 4080   SQLite's
//     4080        on page 1 the id of the database, which tells whether a log belongs to it; else 0
//     4088        checksum (XXH3, 64 bits) of all before it and of the page's number
//
// SQLite leaves alone what is reserved; it is written and looked at by DatabaseFile. The number is
// part of the checksum, so that a page which was written to another place is found, too.
namespace tarea {

inline constexpr int kPageSize = 4096;
inline constexpr int kReservedBytes = 16;

// "Tare" in ASCII, in the header of the file.
inline constexpr uint32_t kApplicationId = 0x54617265;

// Databases before this version have pages without checksums.
inline constexpr uint32_t kFirstSchemaWithChecksums = 3;

// SQLite never uses the page at this place, which it locks; nothing is ever written there.
inline constexpr int64_t kLockPage = 0x40000000 / kPageSize + 1;

// `page` is kPageSize bytes; pages are counted from 1.
void SealPage(unsigned char* page, int64_t number);
bool PageIsSound(const unsigned char* page, int64_t number);

// Of page 1, which must be sealed after.
uint64_t DatabaseIdOf(const unsigned char* page);
void SetDatabaseId(unsigned char* page, uint64_t id);

// What the first 100 bytes of a database say.
struct PageHeader {
  static constexpr int kSize = 100;

  bool is_database = false;  // begins as one of SQLite does
  int page_size = 0;
  int reserved = 0;
  uint32_t pages = 0;  // that the database has; 0 if it does not say
  uint32_t schema_version = 0;
  uint32_t application_id = 0;
};
PageHeader ParsePageHeader(const unsigned char* bytes);

// Big-endian, as all numbers of SQLite's files.
uint32_t BigEndian32(const unsigned char* bytes);

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_PAGES_H_
