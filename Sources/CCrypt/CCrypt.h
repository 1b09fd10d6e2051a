// libxcrypt: bcrypt, and the other hashes of passwords.
#ifndef CCRYPT_H
#define CCRYPT_H

#include <crypt.h>

#endif
