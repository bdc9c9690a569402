// What jemalloc looks for when it starts. Its own threads give back what has not been used for ten
// seconds, also while the master has nothing to do.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true";
}
