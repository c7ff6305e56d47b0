"""Teachers: who words a text. Templates need none; endpoints speak the OpenAI protocol."""
