#include "worker/worker_main.h"

// Put your own processing here: {{"resize", Resize}}. See worker/handler.h and examples/.
int main(int argc, char** argv) { return tarea::WorkerMain(argc, argv, {}); }
