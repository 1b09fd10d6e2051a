// libyaml, the parser of YAML 1.1.
#ifndef CYAML_H
#define CYAML_H

#include <yaml.h>

#endif
