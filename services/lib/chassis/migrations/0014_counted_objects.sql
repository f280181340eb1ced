-- Objects are counted a page at a time before they are deleted: up to which key they are, so that none counts twice.
ALTER TABLE erasures ADD COLUMN counted_to text COLLATE "C" NOT NULL DEFAULT '';
