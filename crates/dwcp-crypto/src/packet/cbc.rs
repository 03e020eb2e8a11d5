//! AES-CBC (SP 800-38A §6.2) on whole blocks, in place and without padding of its own.

use super::cipher::AES_BLOCK;
use crate::CryptoError;
use crate::stack::leaving_no_trace;
use aes::cipher::array::Array;
use aes::cipher::consts::U16;
use aes::cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, BlockSizeUser, InnerIvInit,
    KeyInit,
};

/// A round-key schedule in a place of its own, boxed, so that no move leaves a copy behind. `aes` wipes it.
pub(super) fn schedule<C: KeyInit>(key: &[u8]) -> Result<Box<C>, CryptoError> {
    leaving_no_trace(|| C::new_from_slice(key).map(Box::new).map_err(|_| CryptoError::InvalidKey))
}

/// Encrypts whole blocks.
///
/// # Errors
/// [`CryptoError::InvalidLayout`] when `body` does not consist of whole blocks; it is as it was then.
#[inline]
pub(super) fn encrypt<C>(cipher: &C, iv: &[u8; AES_BLOCK], body: &mut [u8]) -> Result<(), CryptoError>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let blocks = blocks(body)?;
    cbc::Encryptor::inner_iv_init(cipher, iv.into()).encrypt_blocks(blocks);
    Ok(())
}

/// Decrypts whole blocks.
///
/// # Errors
/// As [`encrypt`].
#[inline]
pub(super) fn decrypt<C>(cipher: &C, iv: &[u8; AES_BLOCK], body: &mut [u8]) -> Result<(), CryptoError>
where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    let blocks = blocks(body)?;
    cbc::Decryptor::inner_iv_init(cipher, iv.into()).decrypt_blocks(blocks);
    Ok(())
}

fn blocks(body: &mut [u8]) -> Result<&mut [Array<u8, U16>], CryptoError> {
    match Array::slice_as_chunks_mut(body) {
        (blocks, []) => Ok(blocks),
        _ => Err(CryptoError::InvalidLayout),
    }
}
