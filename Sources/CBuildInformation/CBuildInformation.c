#include "CBuildInformation.h"

const char *const timewait_exporter_revision = TIMEWAIT_EXPORTER_REVISION;
