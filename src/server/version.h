/* version.h: which Redis's commands we match. HAMOK_VERSION comes from the build. */
#pragma once

#define REDIS_VERSION "7.0.15"
